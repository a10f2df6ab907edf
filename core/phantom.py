"""Heads for demos and tests: made, never downloaded, with masks known exactly.

A head is built from soft shells (skin, fat, muscle, skull, fluid, folded cortex,
white matter, ventricles, deep grey matter, cerebellum, brainstem, eyes, sinuses)
whose shape, folds, bias field and noise follow from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.geometry import Array, Geometry
from core.phantom_anatomy import Anatomy, Person
from core.phantom_shapes import Field, Floats, Points, Triple, coverage, ellipsoid, union
from core.volume import Volume

Contrast = Literal["T1", "T2", "FLAIR", "CT"]
Lesion = Literal["tumour", "haemorrhage"]

_TISSUES: dict[str, tuple[float, float, float, float]] = {
    # T1, T2, FLAIR (white matter of T1 = 680), CT in HU
    "air": (8, 8, 8, -1000),
    "skin": (430, 300, 330, 45),
    "fat": (830, 620, 560, -95),
    "muscle": (340, 170, 230, 55),
    "bone": (70, 45, 45, 1350),
    "marrow": (470, 260, 240, 520),
    "dura": (260, 190, 210, 75),
    "csf": (120, 1000, 85, 7),
    "grey": (435, 560, 530, 39),
    "white": (700, 385, 400, 29),
    "deep": (545, 450, 480, 38),
    "pallidum": (620, 370, 410, 37),
    "stem": (615, 420, 430, 32),
    "nerve": (480, 350, 330, 34),
    "sclera": (300, 240, 240, 60),
    "vitreous": (135, 980, 80, 8),
    "lens": (330, 200, 240, 85),
    "mucosa": (430, 760, 600, 35),
    "oedema": (500, 760, 800, 20),
    "tumour": (380, 800, 880, 26),
    "necrosis": (220, 920, 420, 14),
    "blood": (720, 260, 640, 68),
}
_COLUMNS: dict[str, int] = {"T1": 0, "T2": 1, "FLAIR": 2, "CT": 3}
_FIELD_OF_VIEW: Triple = (158.0, 232.0, 188.0)
_CENTRE: Triple = (0.0, 0.0, 13.0)
"""What lies in the middle of the field of view, in head mm."""


@dataclass(frozen=True, eq=False)
class Phantom:
    """A made head.

    Parameters
    ----------
    volume
        The scan: ``[z, y, x]``, uint16 (MR) or int16 HU (CT).
    masks
        Exact masks by label name (``Brain``; ``Tumour`` or ``Haemorrhage``), bool ``[z, y, x]``.
    """

    volume: Volume
    masks: dict[str, NDArray[np.bool_]]


def make_head(
    seed: int,
    *,
    shape: tuple[int, int, int] = (24, 192, 160),
    spacing: Triple | None = None,
    contrast: Contrast = "T1",
    lesion: Lesion | None = None,
    orientation: Literal["LPS", "RAS"] = "LPS",
    noise: float = 0.02,
) -> Phantom:
    """Make a head.

    Parameters
    ----------
    seed
        The same seed gives the same head, voxel for voxel; another seed another person.
    shape
        Voxels along (z, y, x); z runs from feet to head.
    spacing
        Voxel size along (z, y, x) in mm; by default such that the whole brain fits.
    contrast
        ``"T1"``, ``"T2"``, ``"FLAIR"`` or ``"CT"``.
    lesion
        ``"tumour"`` (bright on FLAIR, irregular) or ``"haemorrhage"`` (bright on CT).
    orientation
        Directions in which the stored x, y, z grow.
    noise
        Noise as a share of white matter (of 100 HU on CT).
    """
    random = np.random.default_rng([20261, seed])
    size = spacing or tuple(extent / count for extent, count in zip(_FIELD_OF_VIEW, shape, strict=True))
    geometry = _grid(shape, (size[0], size[1], size[2]), orientation)
    person = Person.drawn(random)
    points = _points(geometry, person)
    anatomy = Anatomy(person, random, edge=1.15 * max(size[1], size[2]))
    values = {name: row[_COLUMNS[contrast]] for name, row in _TISSUES.items()}

    cavity = anatomy.cavity(points)
    image = np.full(shape, values["air"], dtype=np.float32)
    for tissue, share in anatomy.outside(points, cavity):
        _blend(image, share, values[tissue])
    within = np.nonzero(cavity < 1.5)
    inner: Points = (points[0][within], points[1][within], points[2][within])
    content = image[within]
    for tissue, share in anatomy.brain(inner):
        _blend(content, share, values[tissue])
    brain = np.zeros(shape, dtype=bool)
    brain[within] = anatomy.brain_mask(inner) < 0
    masks = {"Brain": brain}
    if lesion is not None:
        sick = np.zeros(shape, dtype=bool)
        sick[within] = _lesion(content, inner, anatomy, random, lesion, values) & brain[within]
        masks["Tumour" if lesion == "tumour" else "Haemorrhage"] = sick
    image[within] = content
    stored = _acquire(image, points, random, contrast, noise)
    modality = "CT" if contrast == "CT" else "MR"
    facts = {"series": f"{contrast} phantom", "contrast": contrast}
    return Phantom(Volume(stored, geometry, modality=modality, facts=facts), masks)


def _blend(image: Floats, share: Floats, value: float) -> None:
    image += share * (np.float32(value) - image)


def _grid(shape: tuple[int, int, int], spacing: Triple, orientation: str) -> Geometry:
    sign = -1.0 if orientation == "LPS" else 1.0
    size = np.array([sign * spacing[2], sign * spacing[1], spacing[0]])
    affine = np.diag([*size, 1.0])
    middle = (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = np.array(_CENTRE) - size * middle
    return Geometry(shape, affine)


def _points(geometry: Geometry, person: Person) -> Points:
    """Return the head coordinates of every voxel: the person's pose and size undone."""
    turn = np.eye(3)
    for axis, degrees in enumerate(person.tilt):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[i, i], step[i, j], step[j, i], step[j, j] = c, -s, s, c
        turn = turn @ step
    matrix = np.diag(1 / np.array(person.size)) @ turn.T
    linear = (matrix @ geometry.affine[:3, :3]).astype(np.float32)
    offset = (matrix @ (geometry.affine[:3, 3] - np.array(person.shift))).astype(np.float32)
    z, y, x = np.ogrid[tuple(slice(0, count) for count in geometry.shape)]
    made: list[Floats] = []
    for row in range(3):
        made.append(
            np.asarray(linear[row, 0] * x + linear[row, 1] * y + linear[row, 2] * z + offset[row], dtype=np.float32)
        )
    return made[0], made[1], made[2]


def _lesion(
    content: Floats,
    points: Points,
    anatomy: Anatomy,
    random: np.random.Generator,
    lesion: Lesion,
    values: dict[str, float],
) -> NDArray[np.bool_]:
    """Paint a lesion into the white matter of one hemisphere and return what belongs to it."""
    side = float(random.choice((-1.0, 1.0)))
    centre = (side * random.uniform(24, 40), random.uniform(-45, 38), random.uniform(14, 42))
    radius = random.uniform(13, 21) if lesion == "tumour" else random.uniform(9, 15)
    rough = Field(random, 26.0)
    fine = Field(random, 9.0, count=64, period=192.0)
    edge = anatomy.edge
    ragged = rough.at(points) * np.float32(0.24 * radius) + fine.at(points) * np.float32(0.07 * radius)
    body = ellipsoid(points, centre, (radius, radius * random.uniform(0.9, 1.4), radius * random.uniform(0.8, 1.1)))
    second = (centre[0] - side * radius * 0.4, centre[1] + random.choice((-1, 1)) * radius * 0.9, centre[2] - 3)
    body = union(body, ellipsoid(points, second, (radius * 0.6, radius * 0.7, radius * 0.6)), 6) + ragged
    spared = coverage(-anatomy.ventricles(points), edge)
    if lesion == "tumour":
        _blend(content, 0.92 * coverage(body, 2.2 * edge) * spared, values["oedema"])
        _blend(content, 0.9 * coverage(body + 0.40 * radius, 2.5 * edge) * spared, values["tumour"])
        _blend(content, 0.8 * coverage(body + 0.85 * radius, 3 * edge) * spared, values["necrosis"])
    else:
        _blend(content, 0.7 * coverage(body - 0.35 * radius, 4 * edge) * spared, values["oedema"])
        _blend(content, coverage(body, 1.4 * edge) * spared, values["blood"])
    return np.asarray((body < 0) & (spared > 0.5))


def _acquire(image: Floats, points: Points, random: np.random.Generator, contrast: str, noise: float) -> Array:
    """Add what a scanner adds: blur, an uneven coil (MR), noise, rounding."""
    blurred: Any = gaussian_filter(image, (0, 0.45, 0.45))
    if contrast == "CT":
        grain: Any = random.standard_normal(image.shape, dtype=np.float32)
        blurred += gaussian_filter(grain, (0, 0.6, 0.6)) * np.float32(noise * 100 * 2.2)
        return np.asarray(np.clip(np.rint(blurred), -1024, 3071).astype(np.int16))
    bias = np.zeros_like(image)
    for axis, amount in zip(points, random.uniform(-0.10, 0.10, 3), strict=True):
        bias += axis * np.float32(amount / 80)
    for _ in range(2):
        waves = random.uniform(-0.022, 0.022, 3).astype(np.float32)
        phase = np.float32(random.uniform(0, 2 * np.pi))
        bias += np.float32(0.06) * np.sin(points[0] * waves[0] + points[1] * waves[1] + points[2] * waves[2] + phase)
    gain = np.float32(random.uniform(0.75, 1.5))
    sigma = np.float32(noise * 690)
    real = blurred * np.exp(bias) + sigma * random.standard_normal(image.shape, dtype=np.float32)
    magnitude = np.hypot(real, sigma * random.standard_normal(image.shape, dtype=np.float32))
    return np.asarray(np.clip(np.rint(magnitude * gain), 0, 65535).astype(np.uint16))
