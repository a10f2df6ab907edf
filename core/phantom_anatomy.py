"""Anatomy of the phantom: which tissue fills how much of each voxel.

Head millimetres: origin near the middle of the brain, +x right, +y anterior,
+z superior. Every person is drawn from a seed, so no two heads are alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.phantom_shapes import Field, Floats, Points, Triple, capsule, coverage, cut, ellipsoid, union

Paint = tuple[str, Floats]
"""A tissue's name and the share of each voxel that it covers, painted over what was there."""

FORAMEN_MAGNUM = -60.0
"""Height at which the brain (as a label) ends in the spinal canal, in head mm."""
_VENTRICLE: tuple[tuple[Triple, float], ...] = (
    ((15.5, 31.0, 6.0), 3.0),
    ((9.0, 18.0, 13.0), 5.4),
    ((6.5, 2.0, 17.0), 4.2),
    ((10.0, -16.0, 22.0), 4.6),
    ((17.5, -34.0, 18.0), 5.6),
    ((25.0, -44.0, 8.0), 6.2),
)
_OCCIPITAL_HORN: tuple[tuple[Triple, float], ...] = (((25.0, -44.0, 8.0), 6.0), ((21.0, -64.0, 6.0), 2.2))
_TEMPORAL_HORN: tuple[tuple[Triple, float], ...] = (
    ((25.0, -44.0, 8.0), 5.5),
    ((35.0, -30.0, -9.0), 2.2),
    ((33.0, -8.0, -19.0), 2.0),
)
_EYE_MUSCLES: tuple[tuple[Triple, Triple], ...] = (
    ((30, 66, -12), (15, 36, -17)),
    ((30, 66, -34), (15, 36, -24)),
    ((44, 62, -23), (20, 36, -21)),
    ((19, 66, -23), (12, 36, -21)),
)


@dataclass(frozen=True)
class Person:
    """What makes one head differ from the next (drawn once per seed)."""

    size: Triple
    frontal: float
    ventricles: float
    atrophy: float
    bone: float
    scalp: float
    gyrus: float
    tilt: Triple
    shift: Triple

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Person:
        """Draw a person."""
        uniform = random.uniform
        return cls(
            size=(uniform(0.94, 1.05), uniform(0.93, 1.05), uniform(0.95, 1.05)),
            frontal=uniform(0.0008, 0.0026),
            ventricles=uniform(0.75, 1.45),
            atrophy=uniform(0.0, 1.0),
            bone=uniform(5.0, 8.0),
            scalp=uniform(4.0, 7.5),
            gyrus=uniform(20.0, 24.0),
            tilt=(uniform(-5, 5), uniform(-4, 4), uniform(-5, 5)),
            shift=(uniform(-4, 4), uniform(-5, 5), uniform(-4, 4)),
        )


class Anatomy:
    """One person's head, evaluated at points.

    Parameters
    ----------
    person
        Whose head.
    random
        Source of the folds and textures.
    edge
        Width in mm over which tissues mix (about one pixel).
    """

    def __init__(self, person: Person, random: np.random.Generator, edge: float) -> None:
        self.person = person
        self.edge = edge
        self.folds = Field(random, person.gyrus, band=0.20, count=96, period=216.0).as_distance()
        self.broad = Field(random, 45.0)
        self.mottle = Field(random, 9.0, count=64, period=192.0)
        self.waves = random.uniform(0, 2 * np.pi, 6).astype(np.float32)

    def cavity(self, points: Points) -> Floats:
        """Return the distance to the inner table of the skull."""
        x, y, z = points
        vault = ellipsoid((self._waist(x, y), y, z), (0, -3, 16), (70, 89, 63))
        vault = cut(vault, self._floor(points) - 2 - z, 4)
        middle = ellipsoid((np.abs(x), y, z), (41, -2, -15), (28, 42, 26))
        posterior = ellipsoid(points, (0, -52, -32), (57, 42, 36))
        canal = capsule(points, (0, -30, -40), (0, -40, -120), 14, 10)
        return union(union(vault, middle, 8), union(posterior, canal, 8), 8)

    def head(self, points: Points, cavity: Floats) -> Floats:
        """Return the distance to the skin."""
        x, y, z = points
        person = self.person
        thick = person.bone + person.scalp + 1.2 * self.broad.at(points)
        # the temporal muscle pads the sides, most of all low and in front
        pad = 5.0 * np.exp(-(((y - 22) / 30) ** 2) - ((z + 16) / 26) ** 2) * np.clip(np.abs(x) / 55, 0, 1)
        skin = cavity - thick - pad
        face = ellipsoid(points, (0, 37, -52), (60, 60, 66))
        nose = capsule(points, (0, 84, -18), (0, 103, -50), 5, 10)
        neck = capsule((x, y * np.float32(0.9), z), (0, -26, -40), (0, -34, -190), 60, 56)
        skin = union(union(skin, face, 16), union(neck, nose, 4), 14)
        for side in (-1, 1):
            skin = union(skin, ellipsoid((x + side * (y + 18) * 0.45, y, z), (side * 77, -18, -24), (4, 12, 24)), 4)
        return skin

    def _waist(self, x: Floats, y: Floats) -> Floats:
        """Narrow the forehead: x widened in front so that the ellipsoid comes out an egg."""
        return np.asarray(x * (1 + np.float32(self.person.frontal) * np.clip(y + 25, 0, 120)))

    def _tent(self, points: Points) -> Floats:
        """Return the height of the tentorium, on which the occipital lobes lie."""
        x, y, _ = points
        return np.asarray(-17 + 0.33 * np.clip(y + 92, 0, 62) * np.exp(-((x / 44) ** 2)))

    def _floor(self, points: Points) -> Floats:
        """Return the height at which the cerebrum ends below: frontal floor, then tentorium."""
        x, y, _ = points
        behind = np.clip((-18 - y) / 12, 0, 1)
        roofs = 10 * np.exp(-(((np.abs(x) - 29) / 15) ** 2) - ((y - 48) / 24) ** 2)
        front = -14 + roofs + 0.08 * np.clip(y - 20, 0, 70)
        return np.asarray(front + (self._tent(points) - front) * behind)

    def hull(self, points: Points) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the distances to cerebrum (one smooth body), hemispheres, cerebellum and brainstem."""
        x, y, z = points
        gap = 1.7 + 1.8 * self.person.atrophy
        vault = ellipsoid((self._waist(x, y), y, z), (0, -3, 16), (70 - gap, 89 - gap, 63 - gap))
        vault = union(vault, ellipsoid(points, (0, -52, -32), (57 - gap, 42 - gap, 36 - gap)), 8)
        vault = cut(vault, self._floor(points) - z, 4)
        tent = self._tent(points)
        lobes = ellipsoid((np.abs(x), y, z), (41.5, -3, -15), (26.5 - gap / 3, 42 - gap, 25 - gap))
        cerebrum = union(vault, lobes, 5)
        sway = 1.4 * np.sin(y * np.float32(0.05) + self.waves[0]) + 0.8 * np.sin(z * np.float32(0.08) + self.waves[1])
        halves = cut(cerebrum, np.float32(0.7 + 0.7 * self.person.atrophy) - np.abs(x - sway), 3)
        bridge = ellipsoid(points, (0, -7, 6), (22, 37, 21))
        cerebellum = ellipsoid(points, (0, -53, -31), (55 - gap, 40 - gap, 34 - gap))
        cerebellum = cut(cerebellum, y + 33 - 0.22 * np.abs(x), 6)
        notch = capsule(points, (0, -96, -45), (0, -84, -45), 5, 3)
        cerebellum = cut(cut(cerebellum, z - tent + 2, 3), -notch, 4)
        stem = capsule(points, (0, -18, -8), (0, -28, -42), 13, 12)
        stem = union(stem, ellipsoid(points, (0, -22, -30), (18, 14, 15)), 5)
        stem = union(stem, capsule(points, (0, -30, -45), (0, -38, -110), 9, 6), 5)
        return cerebrum, union(halves, bridge, 2), cerebellum, stem

    def ventricles(self, points: Points) -> Floats:
        """Return the distance to the ventricles."""
        x, y, z = points
        swell = (self.person.ventricles - 1) * 3.2
        lopsided = 1 + 0.05 * np.sin(self.waves[2]) * np.sign(x)
        side: Points = (np.abs(x) * lopsided.astype(np.float32), y, z)
        body = np.full_like(x, 99)
        for path in (_VENTRICLE, _OCCIPITAL_HORN, _TEMPORAL_HORN):
            for (start, first), (end, second) in itertools.pairwise(path):
                body = union(body, capsule(side, start, end, first * 0.82 + swell, second * 0.82 + swell), 3)
        # the septum keeps the two bodies apart
        body = cut(body, np.float32(0.8) - np.abs(x), 1)
        third = ellipsoid(points, (0, -9, 1), (1.6 + 0.9 * self.person.ventricles, 15, 10))
        fourth = ellipsoid(points, (0, -40, -32), (7, 5.5, 11))
        return union(union(body, third), fourth)

    def _folded(self, points: Points, halves: Floats) -> tuple[Floats, Floats]:
        """Return the distance to the nearest furrow, and the depth below the cortex.

        The furrows are zero surfaces of a random field read at the point of the
        brain's surface above each voxel, so that they dive in at right angles.
        """
        x, y, z = points
        depth = -halves
        spine = (np.sign(x) * 27, np.clip(y, -52, 46) * np.float32(0.88), np.full_like(z, 13))
        away = [axis - centre for axis, centre in zip(points, spine, strict=True)]
        length = np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2) + np.float32(1e-3)
        lift = 0.8 * np.clip(depth, -4, 30) / length
        wiggle = 1.7 * self.mottle.at(points)
        surface = (x + away[0] * lift + wiggle, y + away[1] * lift - wiggle, z + away[2] * lift + wiggle)
        across = np.abs(self.folds.at(surface)) / (1 + lift)
        reach = np.clip(16 + 6 * self.broad.at(surface), 5, 27)
        opening = (
            0.25 + 0.55 * self.person.atrophy + (1.0 + 0.8 * self.person.atrophy) * np.exp(-np.clip(depth, 0, 50) / 3)
        )
        furrow = np.hypot(across, np.clip(depth - reach, 0, None)) - opening
        return np.minimum(furrow, self._sylvian(points)).astype(np.float32), depth

    def _sylvian(self, points: Points) -> Floats:
        """Return the distance to the Sylvian fissures and the insular cisterns."""
        x, y, z = points
        side = np.abs(x)
        open_ = 0.7 + 0.7 * self.person.atrophy
        level = 2 - 0.42 * y + 1.5 * np.sin(side * np.float32(0.12) + self.waves[3])
        ends = np.maximum(np.maximum(y - 24, -34 - y), 0)
        slab = np.hypot(np.hypot(np.abs(z - level), np.maximum(41 - side, 0)), ends) - open_
        wall = 41 + 1.2 * np.sin(y * np.float32(0.35) + self.waves[4])
        reach = np.maximum(np.abs(z - 5) - 14, 0)
        cistern = np.hypot(np.hypot(side - wall, reach), np.maximum(np.abs(y - 2) - 22, 0)) - open_ * np.float32(0.9)
        return np.asarray(np.minimum(slab, cistern), dtype=np.float32)

    def brain(self, points: Points) -> Iterator[Paint]:
        """Paint the contents of the skull."""
        edge = self.edge
        cerebrum, halves, cerebellum, stem = self.hull(points)
        furrow, depth = self._folded(points, halves)
        # the middle (callosum, capsules, deep nuclei) is not folded
        core = ellipsoid(points, (0, -9, 8), (37, 41, 19)) + 1.5 * self.broad.at(points)
        pial = np.minimum(depth, np.maximum(furrow, 4 - core))
        x, y, _ = points
        grey = 2.5 + 0.35 * np.sin(x * np.float32(0.09) + y * np.float32(0.07) + self.waves[5])
        yield "grey", coverage(-pial, edge)
        yield "white", coverage(grey - pial, edge)
        yield from self._hindbrain(points, cerebellum, stem)
        yield from self._deep_grey(points)
        inside = coverage(np.minimum(np.minimum(halves, cerebellum), stem) + 1, edge)
        yield "csf", coverage(self.ventricles(points), edge) * inside
        # the falx: a thin dark line in the fissure
        falx = np.abs(x - 0.3) - 0.5
        outside = np.clip(halves / np.float32(1.0), 0, 1) * coverage(cerebrum - 3, edge)
        yield "dura", (0.7 * coverage(falx, edge) * outside).astype(np.float32)

    def _hindbrain(self, points: Points, cerebellum: Floats, stem: Floats) -> Iterator[Paint]:
        x, y, z = points
        edge = self.edge
        depth = -cerebellum
        bend = np.sqrt((x * np.float32(0.75)) ** 2 + (y + 38) ** 2 + ((z + 30) * np.float32(1.25)) ** 2)
        phase = bend * np.float32(2 * np.pi / 5.2) + 1.2 * np.sin(np.abs(x) * np.float32(0.11) + self.waves[5])
        phase = phase + 1.1 * self.mottle.at(points)
        leaf = np.sin(phase)
        yield "grey", coverage(cerebellum, edge)
        fissure = np.clip(leaf * 2.2 - 1.35, 0, 0.85) * np.clip(1.4 - depth / 13, 0, 1)
        yield "csf", (fissure * coverage(cerebellum, edge)).astype(np.float32)
        core = union(
            ellipsoid((np.abs(x), y, z), (19, -54, -34), (17, 13, 9)), ellipsoid(points, (0, -47, -31), (12, 9, 7)), 6
        )
        branch = np.clip(-leaf * 1.6 - 0.5, 0, 0.75) * np.clip((depth - 3.5) / 3, 0, 1)
        yield (
            "white",
            np.maximum(coverage(core - 1.5 * leaf, 2 * edge), branch * coverage(core - 9, 5)).astype(np.float32),
        )
        yield "stem", coverage(stem, edge)

    def _deep_grey(self, points: Points) -> Iterator[Paint]:
        x, y, z = points
        edge = self.edge * 1.6
        side: Points = (np.abs(x), y, z)
        turned: Points = (side[0] + y * np.float32(0.28), y - side[0] * np.float32(0.1), z)
        thalamus = ellipsoid(turned, (7.5, -18, 6), (8.5, 13, 9.5))
        caudate = ellipsoid(side, (13.5, 15, 10), (4.6, 9.5, 10))
        lentiform = ellipsoid((side[0] + y * np.float32(0.22), y, z), (26.5, 2, 4), (6.5, 16, 11))
        pallidum = ellipsoid((side[0] + y * np.float32(0.22), y, z), (21.5, 0, 2), (4.0, 9, 7))
        yield "deep", 0.9 * coverage(thalamus, edge)
        yield "deep", 0.95 * coverage(union(caudate, lentiform), edge)
        yield "pallidum", 0.8 * coverage(pallidum, edge)

    def brain_mask(self, points: Points) -> Floats:
        """Return the distance to the brain as a label.

        Cerebrum, cerebellum and brainstem down to the foramen magnum, with the
        ventricles and the furrows between the crowns of the gyri; the fluid around
        the brain is not part of it.
        """
        cerebrum, _, cerebellum, stem = self.hull(points)
        whole = np.minimum(np.minimum(cerebrum, cerebellum), stem)
        return np.asarray(np.maximum(whole, np.float32(FORAMEN_MAGNUM) - points[2]))

    def outside(self, points: Points, cavity: Floats) -> Iterator[Paint]:
        """Paint skin, fat, muscle, bone, sinuses, eyes and the fluid around the brain."""
        x, y, z = points
        edge = self.edge
        person = self.person
        skin = self.head(points, cavity)
        mottle = self.mottle.at(points)
        yield "skin", coverage(skin, edge)
        yield "fat", coverage(skin + 1.8, edge)
        side: Points = (np.abs(x), y, z)
        muscle = cavity - person.bone - 1.0
        temporal = cut(
            ellipsoid(side, (66, 16, -20), (19, 32, 44)), np.maximum(skin + 4.0, -muscle).astype(np.float32), 2
        )
        neck = cut(ellipsoid(points, (0, -58, -92), (62, 52, 52)), np.maximum(skin + 6, -muscle).astype(np.float32), 3)
        uneven = 6 * self.broad.at(points) + 2.2 * mottle
        face = cut(ellipsoid(points, (0, 36, -56), (56, 50, 50)) + uneven, (skin + 6).astype(np.float32), 3)
        strands = np.clip(0.80 + 0.22 * mottle, 0.35, 1)
        for flesh in (temporal, neck, face):
            yield "muscle", (coverage(flesh, edge) * strands).astype(np.float32)
        yield from self._jaw(points)
        yield from self._skull(points, cavity, mottle)
        yield from self._face(points, skin, mottle)
        yield "csf", coverage(cavity, edge)
        yield "dura", (0.8 * coverage(np.abs(cavity + 0.3) - 0.6, edge)).astype(np.float32)

    def _jaw(self, points: Points) -> Iterator[Paint]:
        """Paint the rami of the lower jaw, the teeth-bearing upper jaw and the throat."""
        x, y, z = points
        edge = self.edge
        side: Points = (np.abs(x), y, z)
        ramus = ellipsoid((side[0] + (y - 18) * np.float32(0.3), y, z), (49, 16, -70), (4.5, 15, 36))
        palate = np.abs(ellipsoid((x, y * np.float32(0.85), z), (0, 48, -74), (27, 34, 12))) - 3.0
        for bone in (ramus, palate):
            yield "bone", coverage(bone, edge)
            yield "marrow", (0.85 * coverage(bone + 1.8, edge)).astype(np.float32)
        throat = ellipsoid(points, (0, 6, -72), (13, 5, 26))
        yield "mucosa", coverage(throat - 1.6, edge)
        yield "air", coverage(throat, edge)
        pterygoid = ellipsoid((side[0] - (y - 20) * np.float32(0.35), y, z), (29, 16, -58), (8, 17, 22))
        yield "muscle", (0.9 * coverage(pterygoid, 2 * edge)).astype(np.float32)

    def _skull(self, points: Points, cavity: Floats, mottle: Floats) -> Iterator[Paint]:
        x, y, z = points
        edge = self.edge
        bone = self.person.bone * (1 + 0.05 * np.clip(mottle, -2, 2)).astype(np.float32)
        # the base is thicker and irregular
        bone = bone * (
            1 - 0.72 * np.clip((2 - z) / 8, 0, 1) * np.clip((y - 22) / 8, 0, 1) * np.clip((52 - np.abs(x)) / 8, 0, 1)
        )
        bone = bone + 4 * np.clip((-14 - z) / 26, 0, 1) * np.clip((70 - np.abs(y + 5)) / 50, 0, 1)
        shell = cavity - bone.astype(np.float32)
        shell = np.maximum(shell, -72 - z)
        yield "bone", coverage(shell, edge)
        table = np.float32(0.26) * bone
        marrow = np.maximum(shell + table, table - cavity)
        yield "marrow", (coverage(marrow, edge) * np.clip(0.75 + 0.25 * mottle, 0.15, 1)).astype(np.float32)

    def _face(self, points: Points, skin: Floats, mottle: Floats) -> Iterator[Paint]:
        x, y, z = points
        edge = self.edge
        side: Points = (np.abs(x), y, z)
        inside = (skin + 2.5).astype(np.float32)
        orbit = cut(ellipsoid((side[0] + (y - 60) * np.float32(-0.35), y, z), (30, 54, -22), (17, 26, 18)), inside, 1)
        yield "bone", coverage(cut(orbit - 2.0, inside + 3), edge)
        yield "fat", coverage(orbit, edge)
        for start, end in _EYE_MUSCLES:
            yield "muscle", coverage(capsule(side, start, end, 1.8, 1.4), edge)
        yield "nerve", coverage(capsule(side, (31, 60, -23), (8, 26, -16), 2.2, 2.0), edge)
        eye = ellipsoid(side, (31, 66, -23), (12, 12, 12))
        yield "sclera", coverage(eye, edge)
        yield "vitreous", coverage(eye + 1.3, edge)
        yield "lens", coverage(ellipsoid(side, (31, 74.2, -23), (4.6, 2.2, 4.6)), edge)
        cells = ellipsoid(side, (6, 52, -26), (8, 24, 17))
        yield "mucosa", coverage(cells, edge)
        yield "air", (coverage(cells + 1.5, edge) * np.clip(0.5 + 1.6 * mottle, 0, 1)).astype(np.float32)
        sinus = union(ellipsoid(side, (29, 56, -54), (15, 17, 16)), ellipsoid((x - 2, y, z), (0, 24, -29), (12, 10, 9)))
        sinus = union(sinus, ellipsoid(side, (8, 85, 0), (9, 3.0, 9)))
        yield "mucosa", coverage(sinus, edge)
        yield "air", coverage(sinus + 1.4, edge)
        mastoid = ellipsoid(side, (58, -30, -34), (11, 15, 20))
        yield "air", (coverage(mastoid, 3) * np.clip(0.4 + 1.2 * mottle, 0, 0.95)).astype(np.float32)
