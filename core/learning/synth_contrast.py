"""How bright each tissue of a made-up head is: like T1, T2, FLAIR, PD, diffusion or CT, or like nothing known.

Grey values are about 0 (air) to 1 (bright); of a CT they are Hounsfield units. Tissues outside of the brain are
divided and thrown together at random: the maps know only a few, real heads many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.learning.synth_maps import AIR, BRAIN_TISSUES, CODES, CSF, OUTSIDE_TISSUES, tissue_of
from core.learning.synth_plane import Float, Random, TissueCut, Waves

BINS = 4
"""Parts that a tissue may be divided into."""
TISSUES = len(CODES)
KINDS = {"random": 0.34, "t1": 0.16, "t2": 0.13, "flair": 0.15, "pd": 0.06, "epi": 0.05, "ct": 0.11}
"""Contrasts, and how often each is drawn."""
_GREY_CODES = (3, 42, 8, 47, 17, 53, 18, 54)
_DEEP_CODES = (10, 49, 11, 50, 12, 51, 13, 52, 26, 58)
_WHITE_CODES = (2, 41, 7, 46, 16, 28, 60, 85)
_FLUID_CODES = (24, 4, 43, 5, 44, 14, 15, 72)
_SKULL_CODES = (515,)
_SCALP_CODES = (509, 511)
_MUSCLE_CODES = (507,)
_Range = tuple[float, float]
_LIKE: Mapping[str, Mapping[str, _Range]] = {
    "t1": {"fluid": (0.08, 0.3), "grey": (0.38, 0.6), "white": (0.55, 0.85), "skull": (0.02, 0.3), "scalp": (0.5, 1.3),
           "muscle": (0.25, 0.65), "other": (0.05, 1.2)},
    "t2": {"fluid": (0.75, 1.2), "grey": (0.42, 0.7), "white": (0.28, 0.5), "skull": (0.02, 0.25), "scalp": (0.2, 1.0),
           "muscle": (0.08, 0.4), "other": (0.05, 1.1)},
    "flair": {"fluid": (0.02, 0.25), "grey": (0.5, 0.8), "white": (0.38, 0.65), "skull": (0.02, 0.3),
              "scalp": (0.1, 1.1), "muscle": (0.1, 0.5), "other": (0.05, 1.0)},
    "pd": {"fluid": (0.5, 0.95), "grey": (0.65, 0.95), "white": (0.5, 0.75), "skull": (0.02, 0.3),
           "scalp": (0.4, 1.2), "muscle": (0.3, 0.7), "other": (0.1, 1.1)},
    "epi": {"fluid": (0.05, 1.2), "grey": (0.4, 0.9), "white": (0.3, 0.8), "skull": (0.0, 0.1), "scalp": (0.0, 0.25),
            "muscle": (0.02, 0.3), "other": (0.0, 0.35)},
    "ct": {"fluid": (0.0, 18.0), "grey": (32.0, 44.0), "white": (22.0, 33.0), "skull": (350.0, 1600.0),
           "scalp": (-120.0, 50.0), "muscle": (20.0, 75.0), "other": (-120.0, 900.0)},
}  # fmt: skip


def _numbers(codes: tuple[int, ...]) -> NDArray[np.int64]:
    return np.array([tissue_of(code) for code in codes])


_GROUPS = {
    "fluid": _numbers(_FLUID_CODES),
    "grey": _numbers(_GREY_CODES),
    "deep": _numbers(_DEEP_CODES),
    "white": _numbers(_WHITE_CODES),
    "skull": _numbers(_SKULL_CODES),
    "scalp": _numbers(_SCALP_CODES),
    "muscle": _numbers(_MUSCLE_CODES),
}
_IS_BRAIN = np.isin(np.arange(TISSUES), BRAIN_TISSUES)
_SIDES: tuple[tuple[int, int], ...] = (
    (2, 41),
    (3, 42),
    (4, 43),
    (5, 44),
    (7, 46),
    (8, 47),
    (10, 49),
    (11, 50),
    (12, 51),
    (13, 52),
    (17, 53),
)
_SIDES += ((18, 54), (26, 58), (28, 60))


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """Grey values of tissues.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    mean, spread
        float32 ``[tissues, bins]``: grey value, and the deviation of its grain.
    """

    kind: str
    mean: Float
    spread: Float

    @property
    def hounsfield(self) -> bool:
        """Whether grey values are Hounsfield units."""
        return self.kind == "ct"


def draw_contrast(random: Random, kind: str = "") -> Contrast:
    """Draw how bright tissues are.

    Parameters
    ----------
    random
        Whatever is drawn comes from it.
    kind
        One of :data:`KINDS`; empty for any.
    """
    kind = kind or str(random.choice(tuple(KINDS), p=tuple(KINDS.values())))
    mean = _at_random(random) if kind == "random" else _like(kind, random)
    for left, right in _SIDES:
        mean[tissue_of(right)] = mean[tissue_of(left)]
    unit = 60.0 if kind == "ct" else 1.0
    # brains differ within: a little everywhere
    mean[list(BRAIN_TISSUES)] += random.normal(0, 0.02 * unit * (0.15 if kind == "ct" else 1), len(BRAIN_TISSUES))
    table = np.repeat(mean[:, None], BINS, axis=1)
    _divide(table, kind, random)
    if kind != "ct":
        table = np.maximum(table, 0)
        dark = random.random() < 0.7
        table[AIR] = random.uniform(0, 0.06) if dark else random.uniform(0, 0.25)
        if kind == "random" and random.random() < 0.15:
            table[AIR] = random.uniform(0, 1)
        grain = random.uniform(0.0, 0.09)
        spread = grain * random.uniform(0.2, 1.8, (TISSUES, BINS)) * (0.3 + table)
    else:
        table[AIR] = -1000.0
        spread = random.uniform(1.0, 12.0) * random.uniform(0.4, 1.6, (TISSUES, BINS))
    return Contrast(kind, table.astype(np.float32), spread.astype(np.float32))


def _at_random(random: Random) -> NDArray[np.float64]:
    mean = random.random(TISSUES)
    if random.random() < 0.75:
        # grey and white matter have a mean each, as in any real sequence; half of them nearly the same
        base = random.uniform(0.2, 1.0)
        other = base + random.normal(0, 0.06) if random.random() < 0.4 else random.uniform(0.15, 1.0)
        mean[_GROUPS["grey"]], mean[_GROUPS["white"]] = base, other
        mean[_GROUPS["deep"]] = base + (other - base) * random.random(len(_GROUPS["deep"]))
        mean[_GROUPS["fluid"]] = random.random()
    if random.random() < 0.5:
        mean[_GROUPS["skull"]] = random.uniform(0, 0.25)
    if random.random() < 0.35:
        # some tissues outside of the brain look the same as others, or as the CSF
        for tissue in random.choice(OUTSIDE_TISSUES, 4):
            mean[tissue] = mean[int(random.choice((*OUTSIDE_TISSUES, CSF)))]
    if random.random() < 0.15:
        mean[list(OUTSIDE_TISSUES)] *= random.uniform(0, 0.3)
    return mean


def _like(kind: str, random: Random) -> NDArray[np.float64]:
    ranges = _LIKE[kind]
    mean = np.array([random.uniform(*ranges["other"]) for _ in range(TISSUES)])
    for group, numbers in _GROUPS.items():
        if group in ranges:
            mean[numbers] = random.uniform(*ranges[group])
    grey, white = mean[_GROUPS["grey"][0]], mean[_GROUPS["white"][0]]
    mean[_GROUPS["deep"]] = grey + (white - grey) * random.random(len(_GROUPS["deep"]))
    mean[_GROUPS["fluid"]] += random.normal(0, 0.03 * ranges["fluid"][1], len(_GROUPS["fluid"]))
    if kind != "ct" and random.random() < 0.35:
        # fat suppressed
        mean[_GROUPS["scalp"]] *= random.uniform(0.05, 0.4)
    return mean


def _divide(table: NDArray[np.float64], kind: str, random: Random) -> None:
    """Divide tissues outside of the brain into parts of their own brightness, in place."""
    low, high = (-110.0, 120.0) if kind == "ct" else (0.0, 1.1)
    for tissue in OUTSIDE_TISSUES:
        if random.random() < 0.6:
            parts = random.integers(1, BINS + 1)
            chosen = random.choice(BINS, parts, replace=False)
            bone = kind == "ct" and tissue in _GROUPS["skull"]
            table[tissue, chosen] = random.uniform(150, 1500, parts) if bone else random.uniform(low, high, parts)
    if kind == "ct" and random.random() < 0.5:
        table[tissue_of(507), random.integers(BINS)] = random.uniform(250, 1200)
    if kind != "ct" and random.random() < 0.2:
        # vessels and membranes that light up with contrast agent
        table[CSF, random.integers(BINS)] = random.uniform(0.6, 1.6)


def painted(cut: TissueCut, contrast: Contrast, random: Random) -> Float:
    """Return the grey values ``[3, size, size]`` of a stack, without noise of the scanner.

    Parameters
    ----------
    cut
        The stack.
    contrast
        How bright what is.
    random
        Whatever is drawn comes from it.
    """
    slices, parts, rows, columns = cut.tissue.shape
    bins = _bins(cut, random)
    picture = np.zeros((slices, rows, columns), dtype=np.float32)
    flat = contrast.mean.ravel()
    for part in range(parts):
        at = cut.tissue[:, part].astype(np.int32) * BINS + bins
        picture += flat[at]
    picture /= parts
    middle = cut.tissue[:, parts // 2].astype(np.int32) * BINS + bins
    grain = random.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(picture + contrast.spread.ravel()[middle] * grain, dtype=np.float32)


def _bins(cut: TissueCut, random: Random) -> NDArray[np.int32]:
    """Return which part of its tissue each pixel ``[3, size, size]`` is in: patches, or layers around the brain."""
    size = cut.tissue.shape[-1]
    coarse = np.ascontiguousarray(cut.points[:, ::4, ::4])
    waves = Waves.draw(random, 6, 8.0, 60.0, 1)
    # equal height instead of equal steepness: fine and coarse patches alike
    waves.amplitudes[:] = random.standard_normal(waves.amplitudes.shape) / 6**0.5
    field = np.repeat(np.repeat(waves.at(coarse)[..., 0], 4, axis=1), 4, axis=2)[:, :size, :size]
    if random.random() < 0.6:
        length = random.uniform(3.0, 14.0)
        layers = np.sin(cut.distance * np.float32(2 * np.pi / length) + np.float32(random.uniform(0, 6.28)))
        field = field + layers * np.float32(random.uniform(0.3, 2.0))
    return np.asarray(np.clip((field * 1.3 + BINS / 2), 0, BINS - 1).astype(np.int32))


def is_brain_tissue(tissue: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where a tissue of the Brain is."""
    return np.asarray(_IS_BRAIN[tissue])
