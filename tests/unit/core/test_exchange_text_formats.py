"""COCO, labelme and YOLO-seg as other tools write them; and all four through a project's import."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from exchange_text_support import coco, picture, read_text, region, task
from PIL import Image

from core.errors import InputError
from core.events import Finished, Skipped
from core.exchange.exporting import export_job
from core.exchange.incoming import Incoming, Limits
from core.exchange.label_studio_rle import encode
from core.exchange.reading import fitting, read
from core.exchange.taking import TakeOptions, look, take_job
from core.geometry import Geometry
from core.io.sandbox import Decoder
from core.messages import text
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState
from core.volume import Volume

SHAPE = (20, 30)


def square(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def masks(one: Incoming) -> dict[str, np.ndarray]:
    assert one.problem == "", one.fields
    return {mask.label: mask.array for mask in one.masks}


def coco_of(segmentations: list, **image: object) -> dict:
    """Return a COCO file with one picture and one annotation per segmentation, in turns of two categories."""
    return {
        "info": {"year": 2026}, "licenses": [{"id": 1, "name": "x", "url": ""}],
        "images": [{"id": 5, "width": 30, "height": 20, "file_name": "train2017/a.png", "license": 1, **image}],
        "annotations": [
            {"id": place, "image_id": 5, "category_id": 3 + place % 2, "segmentation": one, "area": 1.0,
             "bbox": [0, 0, 1, 1], "iscrowd": 0}
            for place, one in enumerate(segmentations)
        ],
        "categories": [{"id": 3, "name": "A", "supercategory": "s"}, {"id": 4, "name": "B", "color": "#112233"}],
    }  # fmt: skip


def test_coco_polygons_run_lengths_and_boxes(tmp_path: Path) -> None:
    image = picture(tmp_path / "images" / "train2017" / "a.png")
    plain = [2 * 20 + 3, 4, 16, 4, 30 * 20 - 43 - 24]
    parts = [
        [[1, 1, 5, 1, 5, 5, 1, 5], [10, 10, 14, 10, 14, 14, 10, 14]],
        {"size": [20, 30], "counts": plain},
        [],
    ]
    one, left = read_text(tmp_path / "annotations" / "instances.json", coco_of(parts))
    assert (one.image, one.name, one.shape) == (image, "a.png", SHAPE)
    assert np.array_equal(masks(one)["A"], square(1, 1, 5, 5) | square(10, 10, 14, 14))
    assert np.array_equal(masks(one)["B"], coco(plain, 20, 30))
    assert {mask.label: mask.color for mask in one.masks} == {"A": "", "B": "#112233"}
    assert left.fields == {"kinds": f"{text('exchange.left_boxes')} (1)"}
    assert fitting(tmp_path) == fitting(tmp_path / "annotations" / "instances.json") == "coco"


@pytest.mark.parametrize(
    ("segmentation", "image"),
    [
        ({"size": [30, 20], "counts": [600]}, {}), ({"size": [20, 30], "counts": [601]}, {}), ({"counts": [600]}, {}),
        ({"size": [20, 30], "counts": {"a": 1}}, {}), ({"size": [20, 30], "counts": "\u00ff"}, {}), ("AAAA", {}),
        ([["a", "b", "c", "d", "e", "f"]], {}), ([[1, 2, 3]], {}), ([[0, 0, 1e9, 0, 1, 1]], {}),
        ([[1, 1, 5, 1, 5, 5]], {"width": 31}),
        ([[1, 1, 5, 1, 5, 5]], {"width": 1 << 30, "height": 1 << 30}), ([[1, 1, 5, 1, 5, 5]], {"height": -1}),
    ],
    ids=str,
)  # fmt: skip
def test_a_broken_annotation_of_coco_leaves_its_picture_out(tmp_path: Path, segmentation: object, image: dict) -> None:
    picture(tmp_path / "a.png")
    content = coco_of([segmentation], **image)
    content["images"].append({"id": 6, "width": 9, "height": 8, "file_name": "b.png"})
    one, other = read_text(tmp_path / "c.json", content)
    assert (one.problem, one.masks) == ("exchange-case", ())
    assert other.problem == ""


@pytest.mark.parametrize(
    "change",
    [
        {"images": 1},
        {"annotations": [{}]},
        {"categories": [{"id": []}]},
        {"images": [1]},
        {"annotations": [{"image_id": {}}]},
    ],
    ids=str,
)
def test_a_broken_coco_file_is_one_sentence(tmp_path: Path, change: dict) -> None:
    with pytest.raises(InputError, match="exchange-unreadable"):
        read_text(tmp_path / "c.json", coco_of([]) | change)


def labelme_of(shapes: list, **facts: object) -> dict:
    return {
        "version": "5.5.0", "flags": {}, "imagePath": "..\\pictures\\a.png", "imageData": None,
        "imageHeight": 20, "imageWidth": 30,
        "shapes": [{"group_id": None, "description": "", "flags": {}, "mask": None} | one for one in shapes],
    } | facts  # fmt: skip


def small(mask: np.ndarray) -> str:
    made = io.BytesIO()
    Image.fromarray(mask.astype(bool)).save(made, "PNG")
    return base64.b64encode(made.getvalue()).decode()


def test_labelme_shapes(tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png")
    dots = np.eye(3, 4, dtype=bool)
    shapes = [
        {"label": "P", "points": [[3, 2], [12, 2], [12, 9], [3, 9]], "shape_type": "polygon"},
        {"label": "R", "points": [[12, 9], [3, 2]], "shape_type": "rectangle"},
        {"label": "C", "points": [[15, 10], [15, 14]], "shape_type": "circle"},
        {"label": "M", "points": [[26, 18], [29, 20]], "shape_type": "mask", "mask": small(dots)},
        {"label": "L", "points": [[1, 1], [2, 2]], "shape_type": "line"},
    ]
    one, left = read_text(tmp_path / "a.json", labelme_of(shapes))
    found = masks(one)
    assert (one.image, one.name, list(found)) == (image, "a.png", ["P", "R", "C", "M"])
    assert np.array_equal(found["P"], square(2, 3, 9, 12))
    assert np.array_equal(found["R"], square(2, 3, 9, 12))
    y, x = np.mgrid[:20, :30] + 0.5
    assert np.array_equal(found["C"], (x - 15) ** 2 + (y - 10) ** 2 <= 16)
    wanted = np.zeros(SHAPE, np.uint8)
    wanted[18:20, 26:30] = dots[:2]
    assert np.array_equal(found["M"], wanted), "what hangs over the edge is cut off"
    assert left.fields == {"kinds": "line (1)"}
    assert fitting(tmp_path) == "labelme"


@pytest.mark.parametrize(
    ("shape", "facts"),
    [
        ({"points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": "AAAA"}, {}),
        ({"points": [[1, 1], [9, 9]], "shape_type": "mask", "mask": small(np.eye(3))}, {}),
        ({"points": [[1, 1], [9000, 9000]], "shape_type": "mask", "mask": small(np.eye(3))}, {}),
        ({"points": [[1, 1]], "shape_type": "rectangle"}, {}),
        ({"points": [[1, 1, 1]], "shape_type": "polygon"}, {}),
        ({"points": "abc", "shape_type": "polygon"}, {}),
        ({"points": [[0, 0], [1e300, 1], [2, 2]], "shape_type": "polygon"}, {}),
        ({"points": []}, {"imageHeight": 21}),
        ({"points": []}, {"imageHeight": 1 << 40, "imagePath": "b.png"}),
        ({"points": []}, {"imageHeight": "20"}),
    ],
    ids=range(10),
)
def test_broken_labelme(tmp_path: Path, shape: dict, facts: dict) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps(labelme_of([{"label": "A"} | shape], **facts)))
    try:
        (one,) = read(tmp_path / "a.json")
    except InputError as error:
        code = error.code
    else:
        code = one.problem
    assert code in ("exchange-unreadable", "exchange-case")


def yolo(
    root: Path, lines: str, names: str = "names: ['A', \"B b\"]\n", list_name: str = "data.yaml"
) -> list[Incoming]:
    picture(root / "images" / "train" / "a.png")
    picture(root / "images" / "val" / "a.png")
    (root / "labels" / "train").mkdir(parents=True, exist_ok=True)
    (root / "labels" / "train" / "a.txt").write_text(lines)
    if names:
        (root / list_name).write_text(names)
    return list(read(root, "yolo"))


def test_yolo_outlines_boxes_and_empty_texts(tmp_path: Path) -> None:
    one, left = yolo(tmp_path, "1 0.1 0.1 0.4 0.1 0.4 0.45 0.1 0.45\n0 0.5 0.5 0.2 0.2\n\n1 0 0 0.1 0 0.1 0.1 0 0.1\n")
    assert one.image == tmp_path / "images" / "train" / "a.png"
    assert np.array_equal(masks(one)["B b"], square(2, 3, 9, 12) | square(0, 0, 2, 3))
    assert left.fields == {"kinds": f"{text('exchange.left_boxes')} (1)"}
    assert fitting(tmp_path) == "yolo"
    (one,) = yolo(tmp_path, "")
    assert {label: bool(mask.any()) for label, mask in masks(one).items()} == {"A": False, "B b": False}


@pytest.mark.parametrize(
    ("names", "file", "wanted"),
    [
        ("path: x\nnames:\n  0: A\n  1: 'B b'  # two\nnc: 2\n", "data.yaml", "B b"),
        ("nc: 2\nnames:\n- A\n- B b\n", "data.yaml", "B b"),
        ("names: {0: A, 1: B b}\n", "dataset.yaml", "B b"),
        ("A\nB b\n", "classes.txt", "B b"),
        ("names: &a [*a, *a]\n", "data.yaml", "Class 1"),
        ("", "", "Class 1"),
    ],
)
def test_yolo_names_of_classes(tmp_path: Path, names: str, file: str, wanted: str) -> None:
    (one,) = yolo(tmp_path, "1 0.1 0.1 0.4 0.1 0.4 0.45 0.1 0.45", names, file)
    assert list(masks(one)) == [wanted]
    assert fitting(tmp_path) == "yolo"


@pytest.mark.parametrize(
    "line",
    [
        "1 0.1",
        "x 0 0 1 0 1 1",
        "1 0 0 1 0 1 1 0",
        "1 a b c d e f",
        "-1 0 0 1 0 1 1",
        "1 nan 0 1 0 1 1",
        "1 0 0 1e300 0 1 1",
    ],
)
def test_broken_lines_of_yolo_leave_their_picture_out(tmp_path: Path, line: str) -> None:
    (one,) = yolo(tmp_path, line)
    assert (one.problem, one.masks) == ("exchange-case", ())


def test_yolo_without_its_picture_says_so(tmp_path: Path) -> None:
    yolo(tmp_path, "")
    (tmp_path / "images" / "train" / "a.png").unlink()
    (tmp_path / "images" / "val" / "a.png").unlink()
    (one,) = read(tmp_path, "yolo")
    assert one.problem == "exchange-picture-gone"
    assert [one.problem for one in read(tmp_path, "yolo", Limits(voxels=5))] == ["exchange-picture-gone"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A brain and a tumour inside it on five slices of colour, and a reader."""
    random = np.random.default_rng(7)
    shape = (5, 18, 23)
    with Project.create(tmp_path / "p.meninx") as made:
        brain, tumour = made.ensure_label("Brain"), made.ensure_label("Tumour")
        volume = Volume(random.integers(0, 255, (*shape, 3)).astype(np.uint8), Geometry(shape, np.eye(4)))
        inside = np.zeros(shape, np.uint8)
        inside[:4, 3:15, 2:20] = brain.value
        spot = (random.random(shape) < 0.3).astype(np.uint8) * tumour.value
        spot[1] = 0
        states = [SliceState(z, Origin.DRAWN, None, z != 3, "Anna") for z in range(4)]
        layers = {brain.layer: inside, tumour.layer: spot}
        made.add_scan(volume, patient="who", layers=NewLayers("Anna", layers, dict.fromkeys(layers, states)))
    return tmp_path / "p.meninx"


def drawn_on(path: Path) -> dict[str, tuple[np.ndarray, set[int]]]:
    with Project.open(path, read_only=True) as project:
        (scan,) = project.scans()
        (annotation,) = project.annotations(scan.id)
        found = {}
        for label in project.labels():
            layer = project.read_layer(annotation.id, label.layer)
            assert layer is not None
            done = {row.slice for row in project.slice_states(annotation.id, label.layer) if row.finished}
            found[label.name] = layer == label.value, done
        return found


@pytest.mark.parametrize("format", ["label-studio", "coco"])
def test_a_project_goes_out_and_comes_in_again(project: Path, tmp_path: Path, format: str) -> None:
    """With the pictures into a new project; without them onto the scan itself, in a project that nobody drew in."""
    wanted = drawn_on(project)
    list(export_job(project, format, tmp_path / "out", images=True))
    list(export_job(project, format, tmp_path / "bare"))
    Project.create(tmp_path / "new.meninx").close()
    done = list(take_job(tmp_path / "new.meninx", tmp_path / "out"))
    assert isinstance(done[-1], Finished)
    assert done[-1].result["tool"] == format
    assert not [event for event in done if isinstance(event, Skipped)]
    again = Project.create(tmp_path / "again.meninx")
    with Project.open(project, read_only=True) as held:
        again.add_scan(held.read_volume(held.scans()[0].id), patient="who")
    again.close()
    list(take_job(tmp_path / "again.meninx", tmp_path / "bare"))
    for path in (tmp_path / "new.meninx", tmp_path / "again.meninx"):
        found = drawn_on(path)
        assert found.keys() == wanted.keys()
        for label, (mask, finished) in wanted.items():
            assert np.array_equal(found[label][0], mask), label
            assert found[label][1] == finished, label


def test_tasks_of_label_studio_land_on_the_pictures_of_a_project_by_name(tmp_path: Path) -> None:
    image = picture(tmp_path / "pictures" / "slice.png")
    drawn = square(2, 3, 9, 12)
    value = {"format": "rle", "rle": encode(drawn), "brushlabels": ["Tumour"]}
    away = task([region("brushlabels", value)], "https://example.org/x/elsewhere.png?key=secret", file_upload=None)
    (tmp_path / "e.json").write_text(json.dumps([task([region("brushlabels", value)]), away]))
    Project.create(tmp_path / "p.meninx").close()
    with Project.open(tmp_path / "p.meninx") as project, Decoder() as decoder:
        (source,) = decoder.find([image]).sources
        project.add_scan(decoder.read(source), patient="who", source=[str(image)])
        plan = look(decoder, tmp_path / "e.json")
    assert [line.url for line in plan.lines] == ["", "https://example.org/x/elsewhere.png"]
    events = list(take_job(tmp_path / "p.meninx", tmp_path / "e.json", TakeOptions(reader="Anna")))
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert skipped.error.code == "exchange-address"
    assert np.array_equal(drawn_on(tmp_path / "p.meninx")["Tumour"][0][0], drawn)
