"""Pictures of yes and no: where on a slice a classifier saw it, ROC and reliability curves, the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.learning.class_rule import expit
from core.messages import numeral, text
from core.review.figure import Figure, Plot, Series, png, svg
from core.volume import fitting_levels

WARM = (32, 64, 235)
"""Colour of what speaks for yes, blue green red."""
STRENGTH = 0.65
SHOWN = 384
"""Least edge of a picture in pixels."""
_CELL, _SIDE, _HEAD = 190, 210, 110
_BLUE = (160, 92, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE = "#1f5fbf"


def activation_picture(grey: NDArray[np.float32], activation: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay what speaks for yes over a slice.

    Parameters
    ----------
    grey
        ``[rows, columns]``, prepared.
    activation
        ``[h, w]``, in logits.

    Returns
    -------
    ndarray
        ``[rows, columns, 3]`` uint8 BGR, enlarged to at least :data:`SHOWN` pixels.
    """
    low, high = fitting_levels(grey[None])
    unit = (np.clip((grey - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    times = -(-SHOWN // max(unit.shape))
    size = (unit.shape[1] * times, unit.shape[0] * times)
    picture = cv2.cvtColor(cv2.resize(unit, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR)
    smooth = cv2.resize(activation.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    # what speaks against is left as it is: only a yes is somewhere
    weight = np.clip(2 * expit(smooth.astype(np.float64)) - 1, 0, 1)[..., None] * STRENGTH
    mixed = picture * (1 - weight) + np.array(WARM) * weight
    return np.asarray(mixed.round(), dtype=np.uint8)


def encoded(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture (BGR) as PNG."""
    done, content = cv2.imencode(".png", picture)
    if not done:
        raise ValueError(picture.shape)
    return bytes(content.tobytes())


def curves_figure(title: str, measures: Mapping[str, Any], stamp: str) -> Figure:
    """Lay out the ROC curve and the reliability curve.

    Parameters
    ----------
    measures
        :meth:`core.review.classification.ClassMeasures.facts`, with ``roc`` and ``reliability``.
    """
    area = measures["auc"]
    interval = area["ci95"]
    words = "-" if area["mean"] is None else numeral(area["mean"], ".4f")
    if interval is not None:
        words = text(
            "runs.with_interval", mean=words, low=numeral(interval[0], ".3f"), high=numeral(interval[1], ".3f")
        )
    lines = [
        text("evaluate.class_auc", auc=words, threshold=numeral(measures["threshold"], ".3f")),
        text("evaluate.class_counts", count=measures["count"], yes=measures["yes"], patients=measures["patients"]),
    ]
    even = Series("", "#9aa3ad", (0.0, 1.0), (0.0, 1.0), dashed=True)
    points = measures["roc"]
    curve = Series("ROC", LINE, [x for x, _ in points], [y for _, y in points])
    bins = measures["reliability"]
    share = Series("", LINE, [one["mean"] for one in bins], [one["share"] for one in bins])
    plots = (
        Plot(text("evaluate.class_roc"), (even, curve), 0.0, 1.0, text("evaluate.class_false"), span=(0.0, 1.0)),
        Plot(
            text("evaluate.class_reliability", ece=numeral(measures["ece"], ".3f")),
            (even, share),
            0.0,
            1.0,
            text("evaluate.class_said"),
            span=(0.0, 1.0),
        ),
    )
    return Figure(title, lines, plots, [(text("evaluate.class_this"), LINE, False)], stamp)


def curves_files(figure: Figure) -> dict[str, bytes]:
    """Return the curves as ``roc.svg`` and ``roc.png``."""
    return {"roc.svg": svg(figure), "roc.png": png(figure)}


def confusion_picture(confusion: Mapping[str, Any]) -> bytes:
    """Draw the confusion matrix as PNG: rows are the truth, columns what was said."""
    picture = np.full((_HEAD + 2 * _CELL + 20, _SIDE + 2 * _CELL + 20, 3), 255, dtype=np.uint8)
    rows = (("yes", confusion["true_yes"], confusion["false_no"]), ("no", confusion["false_yes"], confusion["true_no"]))
    for column, said in enumerate(("yes", "no")):
        _words(picture, f"said {said}", (_SIDE + column * _CELL + _CELL // 2, _HEAD - 30), 0.7)
    for number, (name, yes, no) in enumerate(rows):
        middle = _HEAD + number * _CELL + _CELL // 2
        _words(picture, f"truly {name}", (_SIDE // 2, middle), 0.7)
        for column, value in enumerate((yes, no)):
            share = value / (yes + no) if yes + no else 0.0
            x, y = _SIDE + column * _CELL, _HEAD + number * _CELL
            shade = tuple(255 - share * (255 - part) for part in _BLUE)
            cv2.rectangle(picture, (x + 3, y + 3), (x + _CELL - 3, y + _CELL - 3), shade, -1, cv2.LINE_AA)
            ink = (255, 255, 255) if share > 0.5 else (36, 31, 27)
            _words(picture, f"{value}", (x + _CELL // 2, middle - 14), 1.2, ink)
            _words(picture, numeral(share, ".1%"), (x + _CELL // 2, middle + 32), 0.6, ink)
    return encoded(picture)


def _words(
    picture: NDArray[np.uint8], words: str, at: tuple[int, int], size: float, ink: tuple[int, int, int] = (36, 31, 27)
) -> None:
    (width, height), _ = cv2.getTextSize(words, _FONT, size, 2)
    cv2.putText(picture, words, (at[0] - width // 2, at[1] + height // 2), _FONT, size, ink, 2, cv2.LINE_AA)
