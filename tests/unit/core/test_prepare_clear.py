"""Table, head-holder and bone are taken off, the head is not: on made-up heads whose every part is known."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import LearningError
from core.geometry import Geometry
from core.learning.prepare import Preparation, Preparer
from core.learning.prepare_clear import Head, bone_on
from core.learning.prepare_head import head_box
from core.volume import Volume

SIDE = 160


def head(radius: float, row: float = 70, column: float = 80) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.hypot(y - row, x - column) <= radius


def holder(thick: int = 3) -> np.ndarray:
    """A half pipe below the head, as wide as the slice."""
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(y - 60, x - 80)
    return (away > 76) & (away <= 76 + thick) & (y > 60)


def ct(radii: list[float], *, bone: float = 900.0, touching: bool = False) -> tuple[Volume, np.ndarray]:
    """A CT of a head (brain, bone, skin) on a holder; a radius of 0 is a slice that was missing."""
    array = np.full((len(radii), SIDE, SIDE), -1000, dtype=np.int16)
    truth = np.zeros(array.shape, dtype=bool)
    for z, radius in enumerate(radii):
        if not radius:
            continue
        array[z][holder()] = 120
        if touching:
            array[z][125:140, 78:80] = -50
        for part, value in ((radius, 30), (radius - 3, bone), (radius - 8, 35)):
            if part > 0:
                array[z][head(part)] = value
        truth[z] = head(radius)
    return Volume(array, Geometry.of_picture(SIDE, SIDE, len(radii)), modality="CT"), truth


def test_the_head_is_kept_and_its_holder_is_not_even_where_the_head_is_the_smaller_one():
    # at the crown the head is 8 pixels across, the holder two hundred long; one slice between was missing
    volume, truth = ct([60, 58, 50, 40, 0, 26, 16, 8])
    found = Head.of(volume)
    for z in range(len(truth)):
        assert np.array_equal(found.on(volume, z), truth[z]), z


def test_ears_and_what_touches_the_head_stay_and_the_holder_does_not():
    volume, truth = ct([55, 55, 55])
    array = np.array(volume.array)
    array[:, 68:71, 135:141] = 20  # an ear, too thin to outlive what cuts bridges
    touching, _ = ct([55, 55, 55], touching=True)
    array = np.maximum(array, touching.array)
    seen = Head.of(Volume(array, volume.geometry, modality="CT"))
    kept = seen.on(Volume(array, volume.geometry, modality="CT"), 1)
    assert kept[68:71, 135:141].all()
    assert kept[truth[1]].all()
    assert not kept[holder()].any()


def test_a_picture_with_a_dark_brain_keeps_it():
    # a bone window: air 0, brain 25, bone 255 and thin
    array = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    array[0][head(55)] = 255
    array[0][head(52)] = 25
    array[0][holder(2)] = 230
    volume = Volume(array, Geometry.of_picture(SIDE, SIDE, 1))
    found = Head.of(volume).on(volume, 0)
    assert np.array_equal(found, head(55))
    cut = head_box(volume)
    assert cut is not None
    assert cut.top <= 15
    assert cut.bottom >= 126


def test_bone_goes_with_its_rim_and_small_calcifications_stay():
    volume, _ = ct([60])
    array = np.array(volume.array)
    array[0, 70:74, 78:82] = 400
    seen = Volume(array, Geometry((1, SIDE, SIDE), np.diag([1.0, 1.0, 5.0, 1.0])), modality="CT")
    found = bone_on(seen, 0)
    ring = head(57) & ~head(52)
    assert found[ring].all()
    assert not found[head(49)].any()
    assert not found[~head(60)].any()


def test_prepared_slices_have_air_in_their_place_and_everything_else_as_before():
    volume, truth = ct([60, 55])
    plain = Preparer(volume, Preparation(size=SIDE, slices=1)).slices([0, 1]).astype(np.float32)
    steps = ("clip", "zscore", "table", "bone")
    cleared = Preparer(volume, Preparation(size=SIDE, slices=1, steps=steps)).slices([0, 1]).astype(np.float32)
    air = plain.min()
    for z in range(2):
        gone = ~truth[z] | bone_on(volume, z)
        assert (cleared[z][gone] == air).all()
        assert np.array_equal(cleared[z][~gone], plain[z][~gone])
        assert (plain[z][holder()] > air).all()


def test_bone_of_what_has_no_hounsfield_values_is_refused_by_name():
    volume = Volume(np.zeros((1, 32, 32), dtype=np.uint8), Geometry.of_picture(32, 32, 1))
    with pytest.raises(LearningError) as error:
        Preparer(volume, Preparation(size=32, slices=1, steps=("bone",)), name="S0007")
    assert error.value.code == "prepare-no-bone"
    assert error.value.fields["name"] == "S0007"


def test_where_there_is_nothing_nothing_is_kept_and_nothing_breaks():
    volume = Volume(np.zeros((3, 32, 32), dtype=np.uint8), Geometry.of_picture(32, 32, 3))
    found = Head.of(volume)
    assert not any(found.on(volume, z).any() for z in range(3))
