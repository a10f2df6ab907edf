"""What the numbers and colours of a mask mean.

Masks come as 0/1, 0/255, 0/65535, 0/anything, with softened edges, as
probabilities, as colours, in the alpha channel, or as a map of several labels.
One rule for each, applied over the whole scan at once, so that all its slices
are read alike; which one was applied is told (:attr:`MaskData.convention`).
Nothing is flipped and nothing is guessed from a maximum over colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.events import Notice
from core.geometry import Array
from core.io.source import MaskData

CONVENTIONS = (
    "empty",
    "0/1",
    "0/255",
    "0/65535",
    "0/max",
    "1-bit",
    "soft",
    "probability",
    "labels",
    "palette",
    "alpha",
    "colour",
    "rgb",
)
"""What the numbers were taken to mean; each has its words in the catalogue, below ``[conventions]``."""
MAX_MAP_VALUES = 64
MAX_MAP_VALUE = 127
"""A grey picture with more distinct values than the first, or values above the second, is seldom a label map."""
MOST_LABELS = 250
_FULL_SCALES = (255, 65535)
_FLAT = 0.2
"""Of the pixels between 0 and the top, the share with equal neighbours that tells labels from softened edges."""
_RIM = 0.1
"""Values within this share of 0 or the top are traces of softening."""
_SLACK = 2
"""Levels by which a shade may miss its colour: 8 bits round."""
_PROBABILITY = 0.5


@dataclass(frozen=True)
class Numbers:
    """What stands in the mask files of one scan, before it is given a meaning.

    Parameters
    ----------
    array
        ``[z, y, x]`` numbers; colours as ``red * 65536 + green * 256 + blue``.
    kind
        ``grey``, ``palette`` (indices), ``alpha``, ``colour`` or ``bits`` (1-bit).
    picture
        Whether the files are pictures (or single DICOM slices): there a large number
        is a grey level. A volume's numbers are labels.
    """

    array: Array
    kind: str = "grey"
    picture: bool = False


def of_pages(pages: Sequence[Array], *, palette: bool, bits: bool, name: str) -> Numbers:
    """Put the pages of mask pictures together: grey, colours or alpha, decided over all of them.

    Parameters
    ----------
    pages
        Each ``[y, x]``, ``[y, x, 3]`` or ``[y, x, 4]`` (the last is alpha), all of one size.
    palette, bits
        Whether all are indices into a palette, or have one bit.
    name
        Named in errors.
    """
    solid = [_without_alpha(page) for page in pages]
    through = [page for page in solid if page.ndim == 3 and page.shape[2] == 4]
    if through:
        colours = {tuple(int(part) for part in colour) for page in through for colour in _distinct_colours(page)}
        if len(colours) == 1:
            # one colour everywhere: what was drawn is where it is not transparent
            return Numbers(np.stack([_alpha(page) for page in solid]), "alpha", True)
        solid = [_opaque(page) for page in solid]
    if all(page.ndim == 2 or bool((page[..., :1] == page[..., 1:3]).all()) for page in solid):
        grey = np.stack([page if page.ndim == 2 else page[..., 0] for page in solid])
        return Numbers(grey, "palette" if palette else "bits" if bits else "grey", True)
    return Numbers(np.stack([_codes(page, name) for page in solid]), "colour", True)


def _without_alpha(page: Array) -> Array:
    if page.ndim == 3 and page.shape[2] == 4 and bool((page[..., 3] == np.iinfo(page.dtype).max).all()):
        return page[..., :3]
    return page


def _distinct_colours(page: Array) -> Array:
    # as one number each: rows of three are sorted twenty times as slowly
    red, green, blue = (page[..., channel].astype(np.int64) for channel in range(3))
    whole = np.unique(red << 32 | green << 16 | blue)
    return np.stack([whole >> 32, whole >> 16 & 0xFFFF, whole & 0xFFFF], axis=1)


def _alpha(page: Array) -> Array:
    if page.ndim == 3 and page.shape[2] == 4:
        return page[..., 3]
    # a page that is all solid: nothing there is transparent, so its own numbers count
    return page if page.ndim == 2 else page[..., :3].max(axis=2)


def _opaque(page: Array) -> Array:
    """Return the colours, black where nothing shows through."""
    if page.ndim == 2 or page.shape[2] == 3:
        return page
    return np.where(page[..., 3:] > 0, page[..., :3], 0).astype(page.dtype)


def _codes(page: Array, name: str) -> NDArray[np.uint32]:
    if page.ndim == 2:
        page = np.repeat(page[..., None], 3, axis=2)
    if page.dtype != np.uint8:
        deep = page.astype(np.int64)
        # 16-bit colours that were 8-bit once; others are no label's colour
        if page.dtype != np.uint16 or (deep % 257).any():
            raise InputError("mask-picture", file=name, count=len(_distinct_colours(page)))
        page = (deep // 257).astype(np.uint8)
    parts = page.astype(np.uint32)
    return np.asarray(parts[..., 0] << 16 | parts[..., 1] << 8 | parts[..., 2], dtype=np.uint32)


def colour_word(code: int) -> str:
    """Return a colour code as ``#rrggbb``."""
    return f"#{code:06x}"


def meaning(numbers: Numbers, present: tuple[bool, ...], name: str) -> MaskData:
    """Give the numbers of a scan's masks their meaning.

    Parameters
    ----------
    numbers
        Of the whole scan.
    present
        Slices that have a mask.
    name
        The file, for errors and notices.

    Returns
    -------
    MaskData
        One-valued (1) unless it is a map of several labels.

    Raises
    ------
    InputError
        ``mask-nan``, ``mask-values`` (negative), ``mask-interpolated`` (a label map between whole numbers),
        ``mask-labels-many``, ``mask-picture`` (a colour picture).
    """
    if numbers.kind == "colour":
        return _told(_of_colours(numbers.array, present, name), present, name)
    array, fraction, notices = _whole(numbers.array, name)
    if fraction:
        return _told(MaskData(array, present, (1,) if array.any() else (), (), fraction, False, notices), present, name)
    return _told(_of_numbers(array, numbers, present, name), present, name)


def _of_numbers(array: Array, numbers: Numbers, present: tuple[bool, ...], name: str) -> MaskData:
    values = distinct(array)
    if values and values[0] < 0:
        raise InputError("mask-values", file=name)
    values = [value for value in values if value]
    if not values:
        return MaskData(np.zeros(array.shape, np.uint8), present, convention="empty")
    top = values[-1]
    if len(values) == 1:
        # 0/1, 0/255, 0/65535, 0/M: the one value is the mask, and its number is kept where it may be a label
        kept = top if top <= MAX_MAP_VALUE else 1
        convention = _one_value(numbers.kind, top, kept)
        return MaskData((array == top).astype(np.uint8) * np.uint8(kept), present, (kept,), (), convention, top=top)
    if numbers.kind != "palette" and _softened(array, values, numbers.picture):
        # edges softened by resizing: above the middle is in, which for 8 bits is the usual > 127
        middle = 127 if 127 < top <= 255 else top / 2
        softened = Notice("mask-soft", {"file": name, "levels": len(values) + 1, "middle": f"{middle:g}"})
        convention = "alpha" if numbers.kind == "alpha" else "soft"
        return MaskData((array > middle).astype(np.uint8), present, (1,), (), convention, False, (softened,), top)
    if top > np.iinfo(np.uint16).max:
        raise InputError("mask-values", file=name)
    if len(values) > MOST_LABELS:
        raise InputError("mask-labels-many", file=name, count=len(values), most=MOST_LABELS)
    kind = "palette" if numbers.kind == "palette" else "labels"
    return MaskData(array.astype(np.uint16 if top > 255 else np.uint8), present, tuple(values), (), kind, top=top)


def _one_value(kind: str, top: int, kept: int) -> str:
    if kind in ("palette", "alpha"):
        return kind
    if kind == "bits":
        return "1-bit"
    if top in (1, *_FULL_SCALES):
        return f"0/{top}"
    return "labels" if kept == top else "0/max"


def distinct(array: Array) -> list[int]:
    """Return the values that occur, smallest first."""
    if array.dtype == np.uint8:
        return [int(value) for value in np.flatnonzero(np.bincount(array.ravel(), minlength=256))]
    return [int(value) for value in np.unique(array)]


def _softened(array: Array, values: list[int], picture: bool) -> bool:
    """Whether several values are one mask with softened edges rather than a map of labels."""
    top = values[-1]
    many = len(values) > MAX_MAP_VALUES
    if not many and (top <= MAX_MAP_VALUE if picture else top not in _FULL_SCALES):
        return False
    if picture:
        if many:
            return True
        near = [value for value in values[:-1] if value <= _RIM * top or value >= (1 - _RIM) * top]
        if near or len(values) == 1:
            return True
    return _flat_share(array, top) < _FLAT


def _flat_share(array: Array, top: int) -> float:
    """Return, of the pixels between 0 and the top, the share whose four neighbours are their like."""
    between = (array > 0) & (array < top)
    count = int(np.count_nonzero(between))
    if not count:
        return 0.0
    like = between.copy()
    # a picture's rim counts as its like
    like[:, 1:] &= array[:, 1:] == array[:, :-1]
    like[:, :-1] &= array[:, :-1] == array[:, 1:]
    like[:, :, 1:] &= array[:, :, 1:] == array[:, :, :-1]
    like[:, :, :-1] &= array[:, :, :-1] == array[:, :, 1:]
    return int(np.count_nonzero(like)) / count


def _whole(values: Array, name: str) -> tuple[Array, str, tuple[Notice, ...]]:
    """Turn fractions into whole numbers, or say what they were taken for.

    Returns
    -------
    array
        Whole numbers, or 0/1.
    convention
        ``probability`` or ``soft`` if it was decided here, else empty.
    """
    if values.dtype.kind == "b":
        return values.astype(np.uint8), "", ()
    if values.dtype.kind in "ui":
        return values, "", ()
    if not np.isfinite(values).all():
        count = int(values.size - np.count_nonzero(np.isfinite(values)))
        raise InputError("mask-nan", file=name, count=count)
    rounded = np.rint(values)
    apart = np.abs(values - rounded) > 1e-3
    if not apart.any():
        return rounded.astype(np.int64), "", ()
    if float(values.min()) < -1e-3:
        raise InputError("mask-values", file=name)
    top = float(values.max())
    steps = np.unique(rounded[~apart & (rounded > 0)])
    if top > 1 + 1e-3 and len(steps) > 1 and np.count_nonzero(~apart & (rounded > 0)) > np.count_nonzero(apart):
        # labels that were resized with interpolation: 1.5 is no label, and half of the top is none either
        raise InputError("mask-interpolated", file=name)
    if top <= 1 + 1e-3:
        told = Notice("mask-probability", {"file": name, "middle": _PROBABILITY})
        return (values > _PROBABILITY).astype(np.uint8), "probability", (told,)
    levels = len(np.unique(values))
    told = Notice("mask-soft", {"file": name, "levels": levels, "middle": f"{top / 2:g}"})
    return (values > top / 2).astype(np.uint8), "soft", (told,)


def _of_colours(codes: Array, present: tuple[bool, ...], name: str) -> MaskData:
    """Read a mask in colours: one colour is one mask, several are labels that need names."""
    counts = dict(zip(*(part.tolist() for part in np.unique(codes, return_counts=True)), strict=True))
    notices: list[Notice] = []
    background = 0
    if 0 not in counts:
        # no black: the colour of the rim is the ground it was drawn on
        background = _rim_colour(codes)
        notices.append(Notice("mask-ground", {"file": name, "colour": colour_word(background)}))
    colours = sorted((code for code in counts if code != background), key=lambda code: -counts[code])
    if not colours:
        return MaskData(np.zeros(codes.shape, np.uint8), present, convention="empty", notices=tuple(notices))
    if len(colours) == 1:
        drawn = (codes == colours[0]).astype(np.uint8)
        return MaskData(drawn, present, (1,), (), "colour", notices=tuple(notices), top=colours[0])
    if background == 0:
        shade = _one_hue(codes, colours)
        if shade is not None:
            softened = Notice("mask-soft", {"file": name, "levels": len(colours) + 1, "middle": "50 %"})
            return MaskData(shade, present, (1,), (), "colour", notices=(softened,), top=max(colours))
    if len(colours) > MAX_MAP_VALUES:
        raise InputError("mask-picture", file=name, count=len(colours))
    array = np.where(codes == background, 0, codes).astype(np.uint32)
    return MaskData(array, present, tuple(sorted(colours)), (), "rgb", notices=tuple(notices), top=max(colours))


def _rim_colour(codes: Array) -> int:
    rim = np.concatenate([codes[:, 0].ravel(), codes[:, -1].ravel(), codes[:, :, 0].ravel(), codes[:, :, -1].ravel()])
    found, counts = np.unique(rim, return_counts=True)
    return int(found[int(counts.argmax())])


def _one_hue(codes: Array, colours: list[int]) -> NDArray[np.uint8] | None:
    """Return a 0/1 mask where all colours are shades of one (its edges were softened), or None."""
    parts = np.array([[code >> 16 & 255, code >> 8 & 255, code & 255] for code in colours], dtype=np.float64)
    brightest = parts[int(parts.sum(axis=1).argmax())]
    strength = parts @ brightest / (brightest @ brightest)
    if np.abs(parts - strength[:, None] * brightest).max() > _SLACK:
        return None
    drawn = [code for code, share in zip(colours, strength, strict=True) if share > 0.5]
    return np.isin(codes, drawn).astype(np.uint8)


def _told(masks: MaskData, present: tuple[bool, ...], name: str) -> MaskData:
    """Add a notice where one mask covers most of the rim: it may be drawn the other way round."""
    if len(masks.values) != 1:
        return masks
    drawn = masks.array[np.array(present, dtype=bool)] > 0
    if not drawn.size or min(drawn.shape[1:]) < 3:
        return masks
    rim = np.concatenate([drawn[:, 0].ravel(), drawn[:, -1].ravel(), drawn[:, :, 0].ravel(), drawn[:, :, -1].ravel()])
    if rim.mean() <= 0.75 or drawn.mean() <= 0.5:
        return masks
    told = Notice("mask-inverted", {"file": name, "percent": f"{100 * drawn.mean():.0f}"})
    return replace(masks, notices=(*masks.notices, told))
