"""What happens to a picture on its way: lesions, missing parts, coil, motion, noise, resolution, files.

Each function takes and gives ``[3, rows, columns]`` float32 (a stack), and draws whatever is random from the
generator that it is given.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.learning.synth_contrast import Contrast
from core.learning.synth_plane import Cut, Float, Random, Waves

Bool = NDArray[np.bool_]


def lesioned(picture: Float, cut: Cut, contrast: Contrast, random: Random) -> Float:
    """Put lesions into the Brain: it stays Brain. Spots, tumours with a core, bleeding, infarcts."""
    inside = cut.distance < 0
    places = np.flatnonzero(inside[1])
    if not places.size:
        return picture
    low, high = (0.0, 90.0) if contrast.hounsfield else (0.0, 1.3)
    many = random.random() < 0.35
    picture = picture.copy()
    for _ in range(random.integers(2, 9) if many else random.integers(1, 3)):
        row, column = divmod(int(random.choice(places)), picture.shape[2])
        centre = cut.points[1, row, column] + random.normal(0, 2, 3).astype(np.float32)
        radius = random.uniform(1.5, 5.0) if many else random.uniform(4.0, 32.0)
        shape = np.exp(random.normal(0, 0.25, 3)).astype(np.float32)
        far = np.sqrt((((cut.points - centre) * shape) ** 2).sum(axis=-1)) / np.float32(radius)
        waves = Waves.draw(random, 4, radius, 4 * radius, 1)
        coarse = np.ascontiguousarray(cut.points[:, ::4, ::4])
        rough = waves.at(coarse)[..., 0] / np.float32(radius)
        far = far + np.repeat(np.repeat(rough, 4, axis=1), 4, axis=2)[:, : far.shape[1], : far.shape[2]]
        value = np.float32(random.uniform(low, high))
        soft = np.float32(random.uniform(0.05, 0.4))
        weight = np.clip((1 - far) / soft, 0, 1) * (cut.distance < random.uniform(-1, 1)) * random.uniform(0.5, 1)
        picture += weight.astype(np.float32) * (value - picture)
        if random.random() < 0.4:
            core = np.clip((random.uniform(0.4, 0.85) - far) / soft, 0, 1) * inside
            picture += core.astype(np.float32) * (np.float32(random.uniform(low, high)) - picture)
    return picture


def missing(cut: Cut, random: Random) -> Bool | None:
    """Draw what of a head is not there: its face, all but the brain, all beyond a plane. None for nothing."""
    drawn = random.random()
    if drawn < 0.09:
        return _defaced(cut, random)
    if drawn < 0.13:
        return np.asarray(cut.distance > random.uniform(0.0, 9.0))
    if drawn < 0.17:
        # a slab: the head ends at a plane, as at the end of a coil or of a block of slices
        normal = random.standard_normal(3)
        normal = (normal / np.linalg.norm(normal)).astype(np.float32)
        along = cut.points @ normal
        return np.asarray(along > np.quantile(along[1, ::4, ::4], random.uniform(0.55, 0.95)))
    return None


def _defaced(cut: Cut, random: Random) -> Bool:
    """In front of a sloping plane, and a little off the brain, nothing is left."""
    inside = cut.distance[1] < 0
    reference = cut.points[1][inside] if inside.any() else cut.points[1].reshape(-1, 3)
    front, low = reference[:, 1].max(), reference[:, 2].min()
    slope = random.uniform(0.3, 1.2)
    before = (cut.points[..., 1] - front + random.uniform(0, 25)) - slope * (cut.points[..., 2] - low) > 0
    return np.asarray(before & (cut.distance > random.uniform(1.0, 9.0)))


def shaded(picture: Float, cut: Cut, random: Random) -> Float:
    """Multiply with the smooth field of a coil."""
    field = Waves.draw(random, 4, 90.0, 500.0, 1)
    field.amplitudes[:] = random.standard_normal(field.amplitudes.shape) * random.uniform(0.02, 0.35)
    coarse = field.at(np.ascontiguousarray(cut.points[:, ::8, ::8]))[..., 0]
    size = picture.shape[2], picture.shape[1]
    planes = [cv2.resize(np.exp(plane), size, interpolation=cv2.INTER_LINEAR) for plane in coarse]
    return np.asarray(picture * np.stack(planes), dtype=np.float32)


def coarsened(picture: Float, cut: Cut, random: Random) -> Float:
    """Lose resolution: blur, and fewer pixels than are shown, in one direction or both."""
    blur = random.uniform(0.25, 1.1) if random.random() < 0.85 else random.uniform(1.0, 2.2)
    rows, columns = picture.shape[1:]
    tall, wide = rows, columns
    drawn = random.random()
    if drawn < 0.25:
        tall = wide = max(24, round(rows / random.uniform(1.1, 3.0)))
    elif drawn < 0.5:
        # thick slices seen from the side
        few = max(20, round(rows * cut.pixel / random.uniform(cut.pixel, 6.5)))
        tall, wide = (min(few, rows), columns) if random.random() < 0.5 else (rows, min(few, columns))
    up = int(random.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST), p=(0.6, 0.25, 0.15)))
    planes = []
    for plane in picture:
        plane = cv2.GaussianBlur(plane, (0, 0), blur)
        if (tall, wide) != (rows, columns):
            plane = cv2.resize(plane, (wide, tall), interpolation=cv2.INTER_AREA)
            plane = cv2.resize(plane, (columns, rows), interpolation=up)
        planes.append(plane)
    return np.stack(planes).astype(np.float32)


def noisy(picture: Float, random: Random) -> Float:
    """Add the noise of a scanner: of a magnitude (never below zero), or plain."""
    level = np.float32(random.uniform(0.0, 0.05) if random.random() < 0.75 else random.uniform(0.04, 0.16))
    level *= np.float32(np.quantile(np.abs(picture[:, ::4, ::4]), 0.97)) * np.float32(0.8)
    noise = random.standard_normal((2, *picture.shape), dtype=np.float32) * level
    if random.random() < 0.3:
        grain = random.uniform(0.4, 1.0)
        noise[0] = np.stack([cv2.GaussianBlur(plane, (0, 0), grain) for plane in noise[0]]) * np.float32(1.5)
    if random.random() < 0.6:
        return np.asarray(np.sqrt((picture + noise[0]) ** 2 + noise[1] ** 2), dtype=np.float32)
    return np.asarray(picture + noise[0], dtype=np.float32)


def moved(picture: Float, random: Random) -> Float:
    """Shift and brighten slices against each other, as between the packages of a scan."""
    rows, columns = picture.shape[1:]
    planes = []
    for number, plane in enumerate(picture):
        if number != 1 and random.random() < 0.5:
            shift = np.array([[1, 0, random.normal(0, 1.5)], [0, 1, random.normal(0, 1.5)]], dtype=np.float32)
            plane = cv2.warpAffine(plane, shift, (columns, rows), borderMode=cv2.BORDER_REPLICATE)
        planes.append(plane * np.float32(np.exp(random.normal(0, 0.12))))
    return np.stack(planes).astype(np.float32)


def ghosted(picture: Float, random: Random) -> Float:
    """Add a copy of the head beside itself (motion, pulsation, aliasing), and stripes."""
    axis = int(random.integers(1, 3))
    size = picture.shape[axis]
    if random.random() < 0.7:
        shift = int(size * random.uniform(0.2, 0.8))
        return np.asarray(picture + np.float32(random.uniform(0.02, 0.25)) * np.roll(picture, shift, axis=axis))
    where = np.arange(size, dtype=np.float32) * np.float32(random.uniform(0.15, 2.5))
    stripes = np.sin(where + np.float32(random.uniform(0, 6))) * np.float32(random.uniform(0.01, 0.08) * picture.max())
    return np.asarray(picture + (stripes[:, None] if axis == 1 else stripes), dtype=np.float32)


def furnished(picture: Float, random: Random) -> Float:
    """Draw things that are no head: a headrest, a table, words, markers."""
    rows, columns = picture.shape[1:]
    bright = np.float32(np.quantile(picture[:, ::4, ::4], 0.98) * random.uniform(0.3, 1.3))
    drawn = random.random()
    over = np.zeros((rows, columns), dtype=np.uint8)
    if drawn < 0.5:
        centre = (int(columns * 0.5), int(rows * (0.5 if drawn < 0.25 else 0.35)))
        axes = (int(columns * (0.5 + 0.3 * drawn)), int(rows * (0.52 + 0.3 * drawn)))
        turn = 90.0 * int(drawn * 40 % 4)
        cv2.ellipse(over, centre, axes, turn, 20, 20 + 320 * drawn, 1, 1 + int(drawn * 6))
    else:
        at = (int(columns * (drawn - 0.5) * 1.4), rows - 4 if drawn < 0.75 else 11)
        cv2.putText(over, "R 3.0mm 17", at, cv2.FONT_HERSHEY_SIMPLEX, 0.2 + 0.4 * (drawn - 0.5), 1, 1)
    return np.where(over > 0, bright, picture)


def framed(picture: Float, random: Random) -> tuple[Float, Bool]:
    """Cut the picture off at some rows and columns; return where it is still there, ``[rows, columns]``."""
    rows, columns = picture.shape[1:]
    there = np.zeros((rows, columns), dtype=np.bool_)
    cuts = [int(random.uniform(0.02, 0.3) * size) if random.random() < 0.4 else 0 for size in (rows, rows)]
    sides = [int(random.uniform(0.02, 0.3) * size) if random.random() < 0.4 else 0 for size in (columns, columns)]
    there[cuts[0] : rows - cuts[1], sides[0] : columns - sides[1]] = True
    return np.where(there, picture, np.float32(picture.min())), there


def filed(picture: Float, random: Random) -> Float:
    """Store as 8 bits of a window, some of them as JPEG, as pictures of scans are."""
    low, high = np.quantile(picture[:, ::2, ::2], (random.uniform(0, 0.02), random.uniform(0.97, 1.0)))
    scaled = np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1) * 255
    stored = np.rint(scaled).astype(np.uint8)
    if random.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))]
        coded = [cv2.imencode(".jpg", plane, quality)[1] for plane in stored]
        stored = np.stack([np.asarray(cv2.imdecode(one, cv2.IMREAD_GRAYSCALE)) for one in coded])
    return np.asarray(stored, dtype=np.float32)


def perhaps(chance: float, random: Random, change: Callable[[Float], Float], picture: Float) -> Float:
    """Change the picture, or not."""
    return change(picture) if random.random() < chance else picture
