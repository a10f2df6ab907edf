"""Where masks of an export come to lie: on which layers, which slices, which scan, and under which names."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from exchange_support import random_item, written

from core.commands.line import run
from core.errors import InputError
from core.events import JobEvent, Notice, Skipped
from core.exchange.exporting import export_job
from core.exchange.incoming import Incoming, IncomingMask, Line
from core.exchange.label_maps import called, safe
from core.exchange.landing import Drawn, our_names, place
from core.exchange.reading import read
from core.exchange.taking import TakeOptions, _Entry, _Known, take_job
from core.geometry import Geometry
from core.labels import Label, LabelSet
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState
from core.volume import Volume

SHAPE = (4, 8, 8)
FORMATS = ["nifti", "nrrd", "png", "hdf5", "bids", "coco", "label-studio"]
WAYS = ["nrrd", "png", "coco"]
"""One scan as a file, as several files, and slice by slice."""


def volume(seed: int = 3) -> Volume:
    array = np.random.default_rng(seed).integers(0, 200, SHAPE).astype(np.uint8)
    return Volume(array, Geometry(SHAPE, np.diag([1.0, 1.0, 3.0, 1.0])))


def states(finished: set[int]) -> list[SliceState]:
    return [SliceState(z, Origin.DRAWN, None, z in finished, "Anna") for z in range(SHAPE[0])]


def finished_of(project: Project) -> dict[str, set[int]]:
    """Return, of the first scan, where zero is background, by label."""
    (annotation,) = project.annotations(project.scans()[0].id)
    return {
        label.name: {row.slice for row in project.slice_states(annotation.id, label.layer) if row.finished}
        for label in project.labels()
    }


@pytest.fixture
def two_layers(tmp_path: Path) -> Path:
    """A tumour of which one slice is finished, vessels of which all are, and a label that nobody began."""
    with Project.create(tmp_path / "from.meninx") as project:
        labels = LabelSet().with_label("Tumour").with_label("Vessels", layer="vessels")
        project.set_labels(labels.with_label("Skull", layer="bone"))
        tumour, vessels = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
        tumour[0, 1:3, 1:3] = 1
        vessels[:, 5:7, 5:7] = 1
        known = {"lesions": states({0}), "vessels": states({0, 1, 2, 3})}
        layers = NewLayers("Anna", {"lesions": tumour, "vessels": vessels}, known)
        project.add_scan(volume(), patient=None, layers=layers)
    return tmp_path / "from.meninx"


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_finished_for_one_layer_is_not_for_another(two_layers: Path, tmp_path: Path, format: str) -> None:
    list(export_job(two_layers, format, tmp_path / "out"))
    with Project.create(tmp_path / "to.meninx") as project:
        project.add_scan(volume(), patient=None)
    list(take_job(tmp_path / "to.meninx", tmp_path / "out"))
    with Project.open(tmp_path / "to.meninx", read_only=True) as project:
        assert {label.name: label.layer for label in project.labels()} in (
            {"Tumour": "lesions", "Vessels": "vessels"},
            {"Tumour": "lesions", "Vessels": "vessels", "Skull": "bone"},
        )
        found = finished_of(project)
        assert (found["Tumour"], found["Vessels"]) == ({0}, {0, 1, 2, 3})


@pytest.mark.parametrize("format", WAYS)
def test_labels_that_share_a_layer_here_are_finished_where_all_of_them_are(
    two_layers: Path, tmp_path: Path, format: str
) -> None:
    list(export_job(two_layers, format, tmp_path / "out"))
    with Project.create(tmp_path / "to.meninx") as project:
        project.set_labels(LabelSet().with_label("Vessels").with_label("Tumour").with_label("Skull", layer="bone"))
        project.add_scan(volume(), patient=None)
    list(take_job(tmp_path / "to.meninx", tmp_path / "out"))
    with Project.open(tmp_path / "to.meninx", read_only=True) as project:
        assert finished_of(project) == {"Vessels": {0}, "Tumour": {0}, "Skull": set()}


@pytest.mark.parametrize("format", WAYS)
def test_a_label_that_nobody_began_is_not_said_to_be_absent(two_layers: Path, tmp_path: Path, format: str) -> None:
    list(export_job(two_layers, format, tmp_path / "out"))
    with Project.create(tmp_path / "to.meninx") as project:
        project.set_labels(
            LabelSet().with_label("Tumour").with_label("Skull", layer="x").with_label("Vessels", layer="x")
        )
        project.add_scan(volume(), patient=None)
    list(take_job(tmp_path / "to.meninx", tmp_path / "out"))
    with Project.open(tmp_path / "to.meninx", read_only=True) as project:
        assert finished_of(project) == {"Tumour": {0}, "Skull": set(), "Vessels": set()}


def test_pictures_of_another_tool_are_finished_whatever_is_drawn_on_them() -> None:
    # the first picture shows only one label, the second only the other: neither says that the other is unknown
    grid, one = Geometry.of_picture(8, 8, 2), np.ones((8, 8), np.uint8)
    labels = LabelSet().with_label("A").with_label("B")
    drawn = Drawn()
    for z, name in enumerate("AB"):
        came = Incoming(None, f"{z}.png", (8, 8), (IncomingMask(name, one),))
        drawn.take(place(came, z, grid, grid, resample=False), {"A": "A", "B": "B"}, {}, "Anna")
    layers, _shared = drawn.layers("Anna", labels, grid.shape)
    assert [state.finished for state in layers.states["lesions"]] == [True, True]


@pytest.mark.parametrize("format", WAYS)
def test_masks_never_land_on_another_scan_of_the_same_pseudonym(two_layers: Path, tmp_path: Path, format: str) -> None:
    list(export_job(two_layers, format, tmp_path / "out"))
    with Project.create(tmp_path / "to.meninx") as project:
        other = project.add_scan(volume(seed=4), patient=None)
        assert (other.patient_name, other.name) == ("P001", "S0001"), "as in the other project"
    events: list[JobEvent] = []
    with pytest.raises(InputError, match="nothing-usable"):
        events.extend(take_job(tmp_path / "to.meninx", tmp_path / "out"))
    assert {event.error.code for event in events if isinstance(event, Skipped)} == {"exchange-other-scan"}
    with Project.open(tmp_path / "to.meninx", read_only=True) as project:
        assert project.annotations(other.id) == []


def test_masks_whose_voxels_nobody_told_still_find_their_scan_by_its_pseudonym(
    two_layers: Path, tmp_path: Path
) -> None:
    list(export_job(two_layers, "nrrd", tmp_path / "out"))
    # as they come back from a tool that keeps the files alone
    (tmp_path / "out" / "manifest.json").unlink()
    with Project.open(two_layers) as project:
        (scan,) = project.scans()
    list(take_job(two_layers, tmp_path / "out", TakeOptions(reader="Bea")))
    with Project.open(two_layers, read_only=True) as project:
        assert [one.reader for one in project.annotations(scan.id)] == ["Anna", "Bea"]


def test_an_entry_with_a_digest_still_finds_the_file_that_a_scan_came_from(tmp_path: Path) -> None:
    # the pictures of an export in 8 bits have other voxels, and keep their names
    with Project.create(tmp_path / "p.meninx") as project:
        scan = project.add_scan(volume(), patient=None, source=[f"/x/P001_S0001_{z + 1:04d}.png" for z in range(4)])
        came = Incoming(None, "P001_S0001_0003.png", SHAPE[1:], digest="f" * 64, place=2)
        assert _Known(project).find(_Entry(Line.of(came), pickle.dumps(came))) == (scan.id, 2)


def test_names_that_are_the_same_here_are_numbered() -> None:
    long = "x" * 79
    found = our_names(LabelSet(), ["ET", "et", "Et (2)", "T", "T\u200b", f"{long}12", f"{long}13"], {})
    assert found == {
        "ET": "ET",
        "et": "et (3)",
        "Et (2)": "Et (2)",
        "T": "T",
        "T\u200b": "T (2)",
        f"{long}12": f"{long}1",
        f"{long}13": f"{'x' * 76} (2)",
    }
    assert our_names(LabelSet(), ["\u200b", "x"], {"x": ""}) == {"\u200b": "No label", "x": ""}


def test_the_label_of_that_very_name_is_the_one_that_is_meant() -> None:
    there = LabelSet().with_label("et")
    assert our_names(there, ["ET", "et"], {}) == {"ET": "ET (2)", "et": "et"}


def test_labels_that_the_person_calls_the_same_become_one() -> None:
    assert our_names(LabelSet(), ["ET", "et"], {"ET": "Tumour", "et": "Tumour"}) == {"ET": "Tumour", "et": "Tumour"}
    assert our_names(LabelSet(), ["ET", "et"], {"ET": "et", "et": "et"}) == {"ET": "et", "et": "et"}
    # a table of names that was left as it was is no wish
    assert our_names(LabelSet(), ["ET", "et"], {"ET": "ET", "et": "et"}) == {"ET": "ET", "et": "et (2)"}


def test_two_labels_of_another_tool_stay_two(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "imagesTr").mkdir(parents=True)
    (root / "labelsTr").mkdir()
    numbers = np.zeros((6, 8, 8), np.uint8)
    numbers[1, 1:3, 1:3], numbers[2, 5:7, 5:8] = 1, 2
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume().array), str(root / "imagesTr" / "c1_0000.nii.gz"))
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(numbers[:4]), str(root / "labelsTr" / "c1.nii.gz"))
    content = {"labels": {"background": 0, "ET": 1, "et": 2}, "file_ending": ".nii.gz", "numTraining": 1}
    (root / "dataset.json").write_text(json.dumps(content))
    Project.create(tmp_path / "to.meninx").close()
    events = list(take_job(tmp_path / "to.meninx", root))
    told = [event for event in events if isinstance(event, Notice)]
    assert told == [Notice("exchange-numbered", {"label": "et", "ours": "et (2)"})]
    with Project.open(tmp_path / "to.meninx", read_only=True) as project:
        (annotation,) = project.annotations(project.scans()[0].id)
        layer = project.read_layer(annotation.id, "lesions")
        assert {one.name: np.count_nonzero(layer == one.value) for one in project.labels()} == {"ET": 4, "et (2)": 6}


def test_nnunet_tells_apart_what_its_own_words_made_the_same(tmp_path: Path) -> None:
    names = ("Background", "background_label", "ignore")
    labels = tuple(Label(value, name, "#ff0000", "", "lesions") for value, name in enumerate(names, 1))
    folder = written(random_item(np.random.default_rng(1), labels), "nnunet", tmp_path / "out")
    found = json.loads((folder / "dataset.json").read_text())["labels"]
    found.pop("ignore", None)
    assert found == {"background": 0, "Background_label (2)": 1, "background_label": 2, "ignore_label": 3}


@pytest.mark.parametrize(("format", "layout"), [("nifti", "map"), ("bids", "map"), ("png", "map"), ("nrrd", "each")])
def test_names_with_tabs_and_double_spaces_lose_no_mask(tmp_path: Path, format: str, layout: str) -> None:
    names = ("Old  bleed", "a\tb", "a b", "plain")
    labels = tuple(Label(value, name, "#ff0000", "", "lesions") for value, name in enumerate(names, 1))
    item = random_item(np.random.default_rng(5), labels)
    shape = item.volume.shape
    masks = {name: np.arange(np.prod(shape)).reshape(shape) % 7 == value for value, name in enumerate(names)}
    item = replace(item, masks=masks, finished=dict.fromkeys(names, frozenset({0})))
    (came,) = read(written(item, format, tmp_path / "out", layout=layout))
    if format == "nrrd":
        # its segments are known by their names alone
        names = ("Old  bleed", "plain")
    found = {mask.label: mask for mask in came.masks}
    for name in names:
        assert np.array_equal(found[name].array != 0, masks[name]), name
        assert found[name].finished == (0,), name


@pytest.mark.parametrize("format", ["nifti", "png"])
def test_what_is_drawn_in_a_map_under_another_name_is_not_dropped(tmp_path: Path, format: str) -> None:
    (label,) = LabelSet().with_label("Tumour")
    item = random_item(np.random.default_rng(5), (label,))
    item = replace(item, masks={"Tumour": np.ones(item.volume.shape, bool)})
    folder = written(item, format, tmp_path / "out", layout="map")
    table = (folder / "labels.tsv").read_text()
    (folder / "labels.tsv").write_text(table.replace("Tumour", "Core"))
    (came,) = read(folder)
    (mask,) = [mask for mask in came.masks if mask.array.any()]
    assert (mask.label, mask.array.all(), mask.finished) == ("Core", True, ())


def test_names_given_to_the_command_line_are_made_plain(tmp_path: Path) -> None:
    Project.create(tmp_path / "p.meninx").close()
    place = str(tmp_path / "p.meninx")
    assert run(["labels", place, "--add", "a\t b", "--add", "x" * 500]) == 0
    assert run(["labels", place, "--rename", "a b", "c\nd"]) == 0
    with Project.open(tmp_path / "p.meninx", read_only=True) as project:
        assert [label.name for label in project.labels()] == ["c d", "x" * 80]


@pytest.mark.parametrize("format", ["png", "nifti", "hdf5"])
def test_labels_called_like_a_device_of_windows_go_out_and_come_back(tmp_path: Path, format: str) -> None:
    names = ("nul.txt", "label_nul.txt", "con", "aux.b_label", "nul.txt_label")
    labels = tuple(Label(value, name, "#ff0000", "", "lesions") for value, name in enumerate(names, 1))
    item = random_item(np.random.default_rng(3), labels)
    shape = item.volume.shape
    masks = {name: np.arange(np.prod(shape)).reshape(shape) % 7 == value for value, name in enumerate(names)}
    item = replace(item, masks=masks)
    (came,) = read(written(item, format, tmp_path / "out"))
    found = {mask.label: mask.array != 0 for mask in came.masks}
    assert found.keys() == masks.keys()
    for name, mask in masks.items():
        assert np.array_equal(found[name], mask), name


def test_exports_from_before_are_known_by_the_names_of_then() -> None:
    labels = [Label(value, name, "#ff0000", "", "lesions") for value, name in enumerate(("nul.txt", "con", "x"), 1)]
    assert [safe(one, labels) for one in labels] == ["label_nul.txt", "con_label", "x"]
    found = called(labels)
    assert [found[name] for name in ("nul.txt_label", "label_nul.txt", "con_label")] == ["nul.txt", "nul.txt", "con"]
