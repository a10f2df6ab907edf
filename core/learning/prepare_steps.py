"""The named steps of preparing slices, and the channels a network is shown: what there is, and what goes together.

A step is a word, some with a value behind it (``resample=0.5``). They are kept in one
order, :data:`ORDER`, whatever order they were asked for in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from core.errors import LearningError
from core.messages import text
from core.volume import Window

ORDER = ("clip", "denoise", "zscore", "table", "bone", "crop", "resample", "pad", "centre")
"""All steps, in the order in which they are done.

- ``clip``: grey values are cut off at percentiles of what is not air (CT: at fixed Hounsfield values).
- ``denoise``: ``median`` (of 3 x 3 pixels) or ``nlm`` (non-local means).
- ``zscore``: minus the mean, by the deviation, of the scan's tissue; else 0..1 from darkest to brightest.
- ``table``: what is not head becomes air: table, head-holder, cloth, letters beside it.
- ``bone``: the bone of a CT becomes air, so that what lies beside it is not outshone.
- ``crop``: only the box around the head of the scan.
- ``resample``: so many mm per pixel instead of filling the square.
- ``pad``: pixels as they are; the slice is padded, or cut at its rim, to the square.
- ``centre``: the head of each slice is moved to the middle.

The mask threshold (more than half of the largest number: > 127 of 8 bits) is not among
them: masks are made binary once, when they come in (``core.io.conventions``).
"""
DEFAULT_STEPS = ("clip", "zscore")
DENOISERS = ("median", "nlm")
LEAST_MM, MOST_MM = 0.1, 10.0
GREY = ("grey",)
COLOUR = ("red", "green", "blue")
CT_WINDOWS = ("W80/L40", "W215/L75", "W2800/L600")
"""Brain, blood and subdural, bone."""
MOST_CHANNELS = 8
_NAMED = {"grey": GREY, "colour": COLOUR, "color": COLOUR, "ct": CT_WINDOWS}
_WINDOW = re.compile(r"W([1-9][0-9]{0,4})/L(-?[0-9]{1,4})")
_NO = "no-"


def canonical(words: Iterable[str]) -> tuple[str, ...]:
    """Return steps in their order, each once (the last word on a step counts), values as they are kept.

    Raises
    ------
    LearningError
        ``prepare-unknown`` for another word, ``prepare-value`` for a value that a step does not take.
    """
    found: dict[str, str] = {}
    for word in words:
        name, _, value = str(word).strip().casefold().partition("=")
        if name not in ORDER:
            raise LearningError("prepare-unknown", name=name, known=", ".join(ORDER))
        found[name] = _checked(name, value.strip())
    return tuple(f"{name}={found[name]}" if found[name] else name for name in ORDER if name in found)


def _checked(name: str, value: str) -> str:
    if name == "denoise":
        value = value or DENOISERS[0]
        if value not in DENOISERS:
            raise LearningError("prepare-value", name=name, allowed=", ".join(DENOISERS))
        return value
    if name == "resample":
        try:
            millimetres = float(value)
        except ValueError:
            millimetres = 0.0
        if not LEAST_MM <= millimetres <= MOST_MM:
            allowed = text("prepare.millimetres", least=LEAST_MM, most=MOST_MM)
            raise LearningError("prepare-value", name=name, allowed=allowed)
        return f"{millimetres:g}"
    if value:
        raise LearningError("prepare-value", name=name, allowed=text("prepare.no_value"))
    return ""


def value_of(steps: Sequence[str], name: str) -> str | None:
    """Return what stands behind a step (``""`` for nothing), or None where the step is off."""
    for step in steps:
        mine, _, value = step.partition("=")
        if mine == name:
            return value
    return None


def parse(line: str, base: Sequence[str] = DEFAULT_STEPS) -> tuple[str, ...]:
    """Read what ``--prepare`` takes: steps to switch on beside the usual ones, ``no-STEP`` to switch one off.

    Parameters
    ----------
    line
        Such as ``crop,denoise=nlm,no-zscore``; ``none`` alone switches all off, ``default`` changes nothing.
    base
        What is on before.

    Raises
    ------
    LearningError
        As :func:`canonical`.
    """
    steps = list(base)
    for word in (part.strip().casefold() for part in line.split(",")):
        if word in {"", "default"}:
            continue
        if word == "none":
            steps = []
        elif word.startswith(_NO):
            gone = canonical([word.removeprefix(_NO)])[0] if word != f"{_NO}resample" else "resample"
            steps = [step for step in steps if step.partition("=")[0] != gone.partition("=")[0]]
        else:
            steps.append(word)
    return canonical(steps)


def check(steps: Sequence[str], *, segment: bool = True) -> None:
    """Refuse steps that do not go together, or not with the task.

    Parameters
    ----------
    segment
        Whether masks are learnt (else classes).

    Raises
    ------
    LearningError
        ``prepare-unknown``, ``prepare-value``, ``prepare-both``, ``prepare-centre``.
    """
    known = canonical(steps)
    if value_of(known, "resample") is not None and value_of(known, "pad") is not None:
        raise LearningError("prepare-both", first="resample", second="pad")
    if segment and value_of(known, "centre") is not None:
        raise LearningError("prepare-centre")


def parse_channels(line: str) -> tuple[str, ...]:
    """Read what ``--channels`` takes: ``grey``, ``colour``, ``ct`` (three windows) or windows (``W80/L40,...``).

    Raises
    ------
    LearningError
        ``channels-bad``.
    """
    words = [word.strip() for word in line.split(",") if word.strip()]
    if len(words) == 1 and words[0].casefold() in _NAMED:
        return _NAMED[words[0].casefold()]
    channels = tuple(word.upper() if _WINDOW.fullmatch(word.upper()) else word.casefold() for word in words)
    check_channels(channels)
    return channels


def check_channels(channels: Sequence[str]) -> None:
    """Refuse channels that are neither grey, nor colour, nor windows.

    Raises
    ------
    LearningError
        ``channels-bad``.
    """
    if tuple(channels) in {GREY, COLOUR}:
        return
    windows = all(_WINDOW.fullmatch(channel) for channel in channels)
    if not channels or not windows or len(channels) > MOST_CHANNELS or len(set(channels)) < len(channels):
        raise LearningError("channels-bad", given=", ".join(channels) or "-", ct=",".join(CT_WINDOWS))


def windows_of(channels: Sequence[str]) -> tuple[Window, ...]:
    """Return the windows that channels name; none for grey and colour."""
    found = [_WINDOW.fullmatch(channel) for channel in channels]
    return tuple(Window(float(match[2]), float(match[1]), match[0]) for match in found if match is not None)


def words(steps: Sequence[str], channels: Sequence[str] = GREY) -> list[str]:
    """Say what is done, one line a step, in its order; the mask threshold, which is always done, comes last."""
    lines = []
    windows = windows_of(channels)
    if windows:
        lines.append(text("prepare.windows", names=", ".join(channels)))
    elif tuple(channels) == COLOUR:
        lines.append(text("prepare.colour"))
    for step in canonical(steps):
        name, _, value = step.partition("=")
        if windows and name in {"clip", "zscore"}:
            # a window says where to cut off and how to scale
            continue
        lines.append(text(f"prepare.step_{name}", value=value))
    return [*lines, text("prepare.threshold")]
