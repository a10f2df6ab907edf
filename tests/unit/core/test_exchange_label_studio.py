"""Exports of Label Studio as its documentation shows them: what comes in, as what, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from exchange_text_support import picture, read_text, region, task

from core.errors import InputError
from core.exchange.incoming import Incoming, Limits, Line
from core.exchange.label_studio_config import read_config
from core.exchange.label_studio_rle import encode
from core.exchange.reading import fitting, read
from core.messages import sentence, text

SHAPE = (20, 30)
CONFIG = """<View>
  <!-- what Label Studio's settings show -->
  <Header value="Draw"/>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="tag" toName="image">
    <Label value="Tumour" background="red"/>
    <Label value="Edema" alias="ed" background="rgba(0, 128, 255, 0.5)"/>
    <Label value="Kn&#246;chern &amp; hart" background="#0F0"/>
  </BrushLabels>
  <PolygonLabels name="poly" toName="image"><Label value="Tumour"/></PolygonLabels>
  <Choices name="quality" toName="image"><Choice value="good"/></Choices>
</View>"""


def square(*corners: int) -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    top, left, bottom, right = corners
    mask[top:bottom, left:right] = 1
    return mask


def brush(mask: np.ndarray, *labels: str, **facts: object) -> dict:
    value = {"format": "rle", "rle": encode(mask), "brushlabels": list(labels)}
    return region("brushlabels", value, mask.shape, **facts)


def masks(one: Incoming, **wanted: object) -> dict[str, np.ndarray]:
    kept = [mask for mask in one.masks if all(getattr(mask, key) == value for key, value in wanted.items())]
    assert len({mask.label for mask in kept}) == len(kept)
    return {mask.label: mask.array for mask in kept}


def test_a_brush_with_its_labels_and_colours_and_its_picture_beside_it(tmp_path: Path) -> None:
    image = picture(tmp_path / "slice.png")
    (tmp_path / "config.xml").write_text(CONFIG, encoding="utf-8")
    drawn = square(2, 3, 9, 12)
    (one,) = read_text(tmp_path / "export.json", [task([brush(drawn, "ed")])])
    assert (one.image, one.name, one.shape, one.problem) == (image, "1a2b3c4d-slice.png", SHAPE, "")
    found = masks(one)
    # what nobody drew on a submitted picture is not there
    assert list(found) == ["Edema", "Tumour", "Kn\u00f6chern & hart"]
    assert np.array_equal(found["Edema"], drawn)
    assert not found["Tumour"].any()
    assert {mask.label: mask.color for mask in one.masks}["Edema"] == "#0080ff"
    assert {mask.label: mask.color for mask in one.masks}["Tumour"] == "#ff0000"
    assert all(mask.finished is None and not mask.predicted for mask in one.masks)
    assert fitting(tmp_path) == fitting(tmp_path / "export.json") == "label-studio"


def test_regions_of_one_label_are_one_mask_and_one_region_may_have_two_labels() -> None:
    first, second = square(0, 0, 4, 4), square(2, 2, 8, 8)
    (one,) = of([task([brush(first, "A"), brush(second, "A", "B", id="x")])])
    found = masks(one)
    assert np.array_equal(found["A"], first | second)
    assert np.array_equal(found["B"], second)
    assert Line.of(one).overlaps == {("A", "B")}


def of(content: object) -> list[Incoming]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return read_text(Path(folder) / "export.json", content)


def test_polygons_rectangles_and_ellipses_are_the_pixels_whose_centres_they_hold() -> None:
    corners = [[10, 10], [50, 10], [50, 50], [10, 50]]
    turned = {"x": 50, "y": 25, "width": 100 / 3, "height": 20, "rotation": 90, "rectanglelabels": ["R"]}
    oval = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 15, "rotation": 0, "ellipselabels": ["E"]}
    (one,) = of(
        [
            task(
                [
                    region("polygonlabels", {"points": corners, "closed": True, "polygonlabels": ["P"]}),
                    region("rectanglelabels", turned),
                    region("ellipselabels", oval),
                ]
            )
        ]
    )
    found = masks(one)
    assert np.array_equal(found["P"], square(2, 3, 10, 15))
    # 10 to the right, 4 down, turned clockwise by a quarter about its corner at (15, 5)
    assert np.array_equal(found["R"], square(5, 11, 15, 15))
    y, x = np.mgrid[:20, :30] + 0.5
    assert np.array_equal(found["E"], ((x - 15) / 6) ** 2 + ((y - 10) / 3) ** 2 <= 1)


def test_several_annotators_get_pseudonyms_and_no_address_comes_along() -> None:
    first, second, third = square(0, 0, 4, 4), square(1, 1, 5, 5), square(3, 3, 9, 9)
    made = task([brush(first, "A")])
    made["annotations"] += [
        {"id": 12, "completed_by": 9, "result": [brush(second, "A")], "was_cancelled": False},
        {"id": 13, "completed_by": {"email": "eve@example.org"}, "result": [brush(third, "A")]},
        {"id": 14, "completed_by": 9, "result": [brush(first, "A")]},
        {"id": 15, "completed_by": 9, "result": [brush(third, "A")], "was_cancelled": True},
    ]
    one, left = of([made])
    found = {mask.reader: mask.array for mask in one.masks}
    assert set(found) == {"annotator-4", "annotator-9", "annotator-1", "annotator-9-2"}
    assert np.array_equal(found["annotator-9"], second)
    assert np.array_equal(found["annotator-9-2"], first), "a second opinion of the same person is not mixed in"
    assert (left.problem, left.fields) == ("exchange-left-out", {"kinds": f"{text('exchange.left_skipped')} (1)"})
    assert "@" not in repr([(mask.reader, mask.label) for mask in one.masks])
    (alone,) = of([task([brush(first, "A")])])
    assert {mask.reader for mask in alone.masks} == {""}, "one annotator is whoever takes it in"


def test_predictions_come_as_such_the_last_one_and_drafts_as_unfinished() -> None:
    older, newer, draft = square(0, 0, 4, 4), square(1, 1, 5, 5), square(3, 3, 9, 9)
    made = task([])
    made["annotations"] = []
    made["predictions"] = [
        {
            "id": 3,
            "model_version": "b",
            "created_at": "2026-02-02T00:00:00Z",
            "result": [brush(newer, "A")],
            "score": 0.5,
        },
        {"id": 2, "model_version": "a", "created_at": "2026-01-02T00:00:00Z", "result": [brush(older, "A")]},
    ]
    made["drafts"] = [5, {"id": 6, "user": "anna@example.org", "result": [brush(draft, "A")]}]
    one, left = of([made])
    assert left.fields == {"kinds": f"{text('exchange.left_older')} (1)"}
    assert np.array_equal(masks(one, predicted=True)["A"], newer)
    (mask,) = [mask for mask in one.masks if not mask.predicted]
    assert (mask.finished, mask.reader) == ((), "")
    assert np.array_equal(mask.array, draft)


def test_an_empty_annotation_says_that_nothing_is_there(tmp_path: Path) -> None:
    picture(tmp_path / "empty.png")
    one, other = read_text(
        tmp_path / "e.json", [task([], "empty.png"), task([brush(square(0, 0, 2, 2), "A")], "b.png")]
    )
    assert not masks(one, finished=None)["A"].any()
    assert other.image is None
    (gone,) = of([task([], "https://example.org/empty.png")])
    assert (gone.problem, gone.fields["url"]) == ("exchange-no-size", "https://example.org/empty.png")


def test_json_min_with_one_row_per_annotation() -> None:
    drawn, again = square(2, 3, 9, 12), square(4, 4, 6, 6)
    size = {"original_width": 30, "original_height": 20}
    row = {
        "image": "/data/upload/1/1a2b3c4d-slice.png", "id": 7,
        "tag": [{"format": "rle", "rle": encode(drawn), "brushlabels": ["A"], **size},
                {"format": "rle", "rle": encode(again), "brushlabels": ["B"], "type": "BrushLabels", **size}],
        "poly": [{"points": [[10, 10], [50, 10], [50, 50], [10, 50]], "polygonlabels": ["P"], "closed": True, **size}],
        "quality": "good", "annotator": 1, "annotation_id": 5, "created_at": "2026", "updated_at": "2026",
        "lead_time": 3.1,
    }  # fmt: skip
    one, second = of([row, row | {"annotator": "bob@example.org", "annotation_id": 6, "poly": []}])
    found = masks(one)
    assert np.array_equal(found["A"], drawn)
    assert np.array_equal(found["B"], again)
    assert np.array_equal(found["P"], square(2, 3, 10, 15))
    assert not masks(second)["P"].any()
    assert {mask.reader for mask in one.masks} == {"annotator-1"}
    assert {mask.reader for mask in second.masks} == {"annotator-2"}


def test_what_is_no_mask_is_told_and_what_has_no_label_is_kept() -> None:
    drawn = square(2, 3, 9, 12)
    point = region("keypointlabels", {"x": 5, "y": 5, "width": 1, "keypointlabels": ["K"]})
    choice = region("choices", {"choices": ["good"]})
    one, left = of([task([region("brush", {"format": "rle", "rle": encode(drawn)}), point, choice])])
    assert np.array_equal(masks(one)[text("exchange.no_label")], drawn)
    assert left.fields == {"kinds": "keypointlabels (1), choices (1)"}
    value = {"format": "rle", "rle": encode(drawn)}
    shared = [region("brush", value, id="r1"), region("labels", {"labels": ["Apart"]}, id="r1")]
    (one,) = of([task(shared)])
    assert np.array_equal(masks(one)["Apart"], drawn), "a label in a result of its own"


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"image_rotation": 90}, "exchange-turned"),
        ({"original_width": 31}, "exchange-case"),
        ({"original_width": 1 << 40}, "exchange-case"),
        ({"original_height": None}, "exchange-case"),
        ({"original_height": -4}, "exchange-case"),
        ({"original_height": 20.5}, "exchange-case"),
        ({"type": "bitmasklabels"}, "exchange-case"),
        ({"value": {"format": "png", "rle": [1]}}, "exchange-case"),
        ({"value": {"format": "rle", "rle": "AAAA"}}, "exchange-case"),
        ({"value": {"format": "rle", "rle": [0, 0, 9, 96, 57, 27, 1]}}, "exchange-case"),
    ],
    ids=str,
)
def test_a_picture_with_a_broken_region_is_left_out_whole_and_the_others_come(facts: dict, problem: str) -> None:
    drawn = brush(square(0, 0, 3, 3), "A")
    good = brush(square(0, 0, 3, 3), "A", id="2")
    one, other = of([task([good, drawn | facts], "a.png"), task([good], "b.png")])
    assert (one.problem, one.masks) == (problem, ())
    assert sentence(InputError("exchange-unknown", file="x"))
    assert (other.problem, len(other.masks)) == ("", 1)


def test_several_pictures_of_a_task_each_get_their_own(tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_text(
        '<View><Image name="a" value="$t1"/><Image name="b" value="$t2"/><BrushLabels name="ta" toName="a">'
        '<Label value="A"/></BrushLabels></View>'
    )
    first, second = square(0, 0, 3, 3), square(4, 4, 9, 9)
    made = task([brush(first, "A", to_name="a"), brush(second, "A", to_name="b")])
    made["data"] = {"t1": "one.png", "t2": "two.png", "note": "three.png"}
    one, two = read_text(tmp_path / "e.json", [made])
    assert (one.name, two.name) == ("one.png", "two.png")
    assert np.array_equal(masks(one)["A"], first)
    assert np.array_equal(masks(two)["A"], second)
    made = task([brush(first, "A", item_index=1)])
    made["data"] = {"pages": ["p0.png", "p1.png"]}
    zero, one = of([made])
    assert not zero.masks or not masks(zero)["A"].any()
    assert np.array_equal(masks(one)["A"], first)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("/data/upload/3/1a2b3c4d-slice.png", "1a2b3c4d-slice.png"),
        ("/data/local-files/?d=deep/slice.png", "slice.png"),
        ("/data/local-files/?d=C%3A%5Cscans%5Cdeep%5Cslice.png", "slice.png"),
        ("s3://bucket/deep/slice.png", "slice.png"),
        ("https://user:secret@example.org/deep/slice.png?token=secret", "slice.png"),
        ("slice.png", "slice.png"),
        ("C:\\scans\\slice.png", "slice.png"),
    ],
)
def test_pictures_are_found_by_what_the_export_calls_them(tmp_path: Path, reference: str, name: str) -> None:
    image = picture(tmp_path / "in" / "deep" / "slice.png")
    (one,) = read_text(tmp_path / "in" / "e.json", [task([brush(square(0, 0, 3, 3), "A")], reference)])
    assert (one.image, one.name) == (image, name)
    assert "secret" not in str(one.fields)


@pytest.mark.parametrize(
    "reference", ["../secret.png", "/data/local-files/?d=../secret.png", "..\\secret.png", "{root}/secret.png",
                  "link.png",
                  "deep/../../secret.png", "file://{root}/secret.png", "away/secret.png", "data:image/png;base64,AAAA"]
)  # fmt: skip
def test_nothing_outside_of_the_folder_is_found(tmp_path: Path, reference: str) -> None:
    picture(tmp_path / "secret.png")
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "away").symlink_to(tmp_path, target_is_directory=True)
    made = task([brush(square(0, 0, 3, 3), "A")], reference.format(root=tmp_path), file_upload="")
    for one in read_text(folder / "e.json", [made]):
        assert one.image is None


def test_two_files_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "s.png")
    wanted = picture(tmp_path / "b" / "s.png")
    drawn = [brush(square(0, 0, 3, 3), "A")]
    one, two = read_text(
        tmp_path / "e.json", [task(drawn, "/data/x/s.png"), task(drawn, "/data/local-files/?d=b/s.png")]
    )
    assert (one.image, two.image) == (None, wanted)


def test_a_picture_of_another_size_than_its_file_is_left_out(tmp_path: Path) -> None:
    picture(tmp_path / "slice.png", (20, 31))
    (one,) = read_text(tmp_path / "e.json", [task([brush(square(0, 0, 3, 3), "A")])])
    assert one.problem == "exchange-case"
    assert "31" in one.fields["reason"]


@pytest.mark.parametrize(
    "words",
    [
        "[", "[{]", "[1]", "", "nonsense", '{"a": 1}', "[" * 100_000, '[{"data":' * 50_000,
        '[{"data": {"image": "a.png"}', json.dumps([task([])])[:-1],
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_export_is_one_sentence(tmp_path: Path, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_with(tmp_path, words)
    assert caught.value.code in ("exchange-unreadable", "exchange-unknown")


def read_with(folder: Path, words: str, limits: Limits | None = None) -> list[Incoming]:
    (folder / "e.json").write_text(words)
    return list(read(folder / "e.json", "label-studio", limits))


def test_limits_hold(tmp_path: Path) -> None:
    words = json.dumps([task([brush(square(0, 0, 3, 3), f"L{number}") for number in range(20)])])
    for limits in (Limits(text=100), Limits(masks=5)):
        with pytest.raises(InputError, match=r"(exchange|file)-too-large"):
            read_with(tmp_path, words, limits)
    assert [one.problem for one in read_with(tmp_path, words, Limits(voxels=100))] == ["exchange-case"]


@pytest.mark.parametrize(
    "words",
    [
        '<?xml version="1.0"?><!DOCTYPE v [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><View>&b;</View>',
        '<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]><View><Label value="&a;"/></View>',
        '<!DOCTYPE View SYSTEM "http://example.org/x.dtd"><View/>', "<View>", "", "<View>&a;</View>", "<html/>",
        "<View>" * 100 + "</View>" * 100, "<View>" + "<Label/>" * 30_000 + "</View>", "\x00",
        '<?xml version="1.0" encoding="x"?><View/>',
    ],
    ids=range(11),
)  # fmt: skip
def test_a_labelling_interface_that_is_broken_or_hostile(words: str) -> None:
    with pytest.raises(InputError, match=r"exchange-(unreadable|too-large)"):
        read_config(words.encode(), "c.xml")


def test_a_labelling_interface_is_a_label_set() -> None:
    labels = read_config(CONFIG.encode(), "c.xml").label_set()
    assert [(label.name, label.color) for label in labels][:2] == [("Tumour", "#ff0000"), ("Edema", "#0080ff")]
    assert labels.named("kn\u00f6chern & hart").color == "#00ff00"
