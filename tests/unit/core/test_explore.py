import csv
import io
import json
import pickle

import cv2
import numpy as np
import pytest
from exploring_support import SIZE, add, head, heads_project, resaved

from core.commands.explore import told_in_words
from core.commands.line import run
from core.errors import Cancelled, InputError
from core.events import Finished, Notice, Progress
from core.geometry import Geometry
from core.learning.explore import Exploration, Explored, explore, explore_job
from core.learning.explore_files import scan_rows, write
from core.learning.explore_pictures import heat_picture, pictures
from core.learning.explore_scan import mean_hue
from core.project.project import Project
from core.volume import Volume


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    with heads_project(tmp_path / "p.meninx") as made:
        yield made


def look(project) -> Exploration:
    return explore(project, list(project.labels()))


def keys(found: Exploration) -> list[str]:
    return [remark.key for remark in found.warnings]


def test_counts_areas_and_intensities_are_those_of_the_masks(project):
    found = look(project)
    array, mask = head(0)
    assert (found.scans, found.patients, found.slices, found.known) == (5, 5, 20, 20)
    assert (found.with_label, found.without_label, found.patients_with_label) == (15, 5, 5)
    area = float(mask[1].mean())
    np.testing.assert_allclose(found.areas, area, rtol=1e-6)
    assert found.label_share == pytest.approx(area * 15 / 20)
    row = found.rows[1]
    assert (row.patient, row.scan, row.slice, row.has_label, row.known) == ("P001", "S0001", 1, True, True)
    assert row.pixels == mask[1].sum() == row.area_mm2
    assert row.inside == pytest.approx(array[1][mask[1]].mean(), rel=1e-5)
    rest = (array[1] > 40) & ~mask[1]
    assert row.outside == pytest.approx(array[1][rest].mean(), abs=4)
    assert found.rows[0].inside != found.rows[0].inside
    assert found.intensity.unit == "grey"
    assert found.intensity.inside.sum() == pytest.approx(1)
    assert found.intensity.outside.sum() == pytest.approx(1)
    assert found.intensity.peak_inside > found.intensity.peak_outside + 40
    assert found.hue is None
    assert found.complete


def test_where_the_label_lies_is_told_in_the_box_of_the_head(project):
    found = look(project)
    # the spot is at (0.35, 0.35) of the picture, the head's box from 0.08 to 0.92 and from 0.14 to 0.86
    row, column = (0.35 - 0.08) / 0.84, (0.35 - 0.14) / 0.72
    shown = [one for one in found.rows if one.has_label]
    assert np.mean([one.row for one in shown]) == pytest.approx(row, abs=0.03)
    assert np.mean([one.column for one in shown]) == pytest.approx(column, abs=0.03)
    heat = found.heat
    assert (heat.plane, heat.slices, heat.left_out) == ("axial", 15, 0)
    place = np.unravel_index(int(cv2.GaussianBlur(heat.share, (0, 0), 4).argmax()), heat.share.shape)
    assert place[0] / 96 == pytest.approx(row, abs=0.05)
    assert place[1] / 96 == pytest.approx(column, abs=0.05)
    assert heat.share.max() == pytest.approx(1, abs=1e-3)
    assert heat.share.min() == 0
    assert heat.aspect == pytest.approx(0.84 / 0.72, rel=0.05)


def test_a_grid_stored_the_other_way_round_lands_in_the_same_place(tmp_path, project):
    before = look(project).heat
    array, mask = head(50)
    flipped = Geometry(array.shape, np.diag([1.0, 1.0, 3.0, 1.0]))
    with Project.create(tmp_path / "turned.meninx") as other:
        add(other, array[:, ::-1, ::-1].copy(), mask[:, ::-1, ::-1], "x", geometry=flipped)
        after = look(other).heat
    places = [np.unravel_index(int(cv2.GaussianBlur(h.share, (0, 0), 4).argmax()), (96, 96)) for h in (before, after)]
    assert np.abs(np.subtract(*places)).max() <= 3


def test_a_coloured_scan_has_hues(project):
    array, mask = head(60)
    red = np.stack([array, array // 4, array // 4], axis=3)
    red[mask] = red[mask][:, [2, 2, 0]]
    add(project, red, mask, "coloured")
    found = look(project)
    assert found.hue.peak_inside == pytest.approx(240, abs=5)
    assert min(found.hue.peak_outside, 360 - found.hue.peak_outside) <= 5
    assert found.rows[-1].hue_inside == pytest.approx(240, abs=5)
    assert found.rows[0].hue_inside != found.rows[0].hue_inside
    assert "colours_mixed" in keys(found)
    assert "hue" in pictures(found)
    assert mean_hue(np.array([350, 10], np.float32)) == pytest.approx(0, abs=1e-3) or mean_hue(
        np.array([350, 10], np.float32)
    ) == pytest.approx(360, abs=1e-3)


def test_intensities_are_told_in_what_is_true_of_all_scans(tmp_path, project):
    array, mask = head(70)
    add(project, array.astype(np.int16) * 9, mask, "sixteen bits")
    assert look(project).intensity.unit == "sd"
    with Project.create(tmp_path / "ct.meninx") as other:
        add(other, array.astype(np.int16) - 100, mask, "x", modality="CT")
        found = look(other)
        assert found.intensity.unit == "HU"
        assert found.rows[1].inside == pytest.approx(array[1][mask[1]].mean() - 100, rel=1e-4)


def test_patients_that_look_the_same_are_named(project):
    add(project, head(1)[0], None, "a copy")
    array, mask = head(80, size=128)
    add(project, array, mask, "somebody")
    add(project, resaved(array), None, "somebody again")
    found = look(project)
    assert [(twin.patients, twin.exact, twin.count) for twin in found.twins] == [
        (("P002", "P006"), 4, 4),
        (("P007", "P008"), 0, 4),
    ]
    assert keys(found)[:2] == ["twins_exact", "twins"]
    assert "P002" in found.warnings[0].words
    assert found.warnings[1].scans == ("S0007", "S0008")
    assert found.compared == 32


def test_empty_masks_odd_sizes_and_unknown_patients_are_warned_of(project):
    for number in range(15):
        add(project, *head(200 + number), f"more {number}")
    array, mask = head(90)
    add(project, array, np.zeros_like(mask), "clean")
    add(project, array[:, 10:40], None, "cut")
    large = Volume(head(91, size=200)[0], Geometry((4, 200, 200), np.diag([-1.0, -1.0, 3.0, 1.0])))
    project.add_scan(large, patient=None)
    found = look(project)
    assert found.empty == ("S0021",)
    by_key = {remark.key: remark for remark in found.warnings}
    assert by_key["empty"].scans == ("S0021",)
    assert by_key["odd_sizes"].scans == ("S0022", "S0023")
    assert by_key["patients_unknown"].fields["count"] == 1
    assert all(remark.words.endswith((".", "?")) for remark in found.warnings)


def test_nothing_finished_is_said_and_drawn_all_the_same(tmp_path):
    with Project.create(tmp_path / "u.meninx") as project:
        add(project, *head(0), "a", finished=False)
        found = look(project)
        assert (found.known, found.with_label, found.unfinished) == (0, 0, 4)
        assert (found.intensity, found.heat) == (None, None)
        assert [row.has_label for row in found.rows] == [False, True, True, True]
        assert keys(found)[0] == "nothing_finished"
        assert set(pictures(found)) == {"balance"}
        assert found.patients_with_label == 1


def test_without_a_label_the_scans_alone_are_looked_at(project):
    found = explore(project, [])
    assert (found.scans, found.slices, found.known) == (5, 20, 0)
    assert len(found.sizes) == 1
    assert found.sizes[0].spacing == (3.0, 1.0, 1.0)
    assert pictures(found) == {}


def test_giving_up_is_said(project):
    left = iter([True] * 6)
    found = explore(project, list(project.labels()), go_on=lambda: next(left, False))
    assert not found.complete
    seen = []
    explore(project, [], on_progress=lambda done, total, name: seen.append((done, total, name)))
    assert seen[0] == (0, 5, "S0001")
    assert seen[-1] == (5, 5, "")


def test_the_job_tells_writes_and_crosses_a_pipe(project, tmp_path):
    events = list(explore_job(project.path, ("spot",), folder=tmp_path / "out"))
    assert isinstance(events[0], Progress)
    found = next(event.found for event in events if isinstance(event, Explored))
    again = pickle.loads(pickle.dumps(found))
    assert repr(again.rows) == repr(found.rows)
    assert np.array_equal(again.heat.share, found.heat.share)
    result = events[-1].result
    assert isinstance(events[-1], Finished)
    assert json.loads(json.dumps(result)) == result
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("slices.csv", "scans.csv", "explore.json", "balance.png", "areas.png", "heat.png", "intensity.png")
    }
    assert [event.key for event in events if isinstance(event, Notice)] == ["explored"] * len(found.warnings)
    with pytest.raises(InputError, match="label-unknown"):
        list(explore_job(project.path, ("nothing",)))
    with pytest.raises(Cancelled):
        list(explore_job(project.path, should_stop=lambda: "stop"))


def test_the_tables_open_anywhere_and_hold_no_identity(project, tmp_path):
    found = look(project)
    write(found, tmp_path / "out")
    content = (tmp_path / "out" / "slices.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert len(rows) == 20
    assert (rows[0]["patient"], rows[0]["has_label"], rows[0]["inside"]) == ("P001", "0", "")
    assert float(rows[1]["area"]) == pytest.approx(found.rows[1].area, rel=1e-5)
    assert "nan" not in content
    everything = "".join(path.read_text("utf-8") for path in (tmp_path / "out").glob("*.[cj]s*"))
    assert "patient 1" not in everything
    first = scan_rows(found)[0]
    assert (first["slices"], first["known"], first["with_label"]) == (4, 4, 3)
    assert first["inside"] == pytest.approx(np.mean([row.inside for row in found.rows[1:4]]), rel=1e-6)


def test_the_pictures_show_what_they_say(project):
    found = look(project)
    drawn = pictures(found)
    assert set(drawn) == {"balance", "areas", "heat", "intensity"}
    for name, picture in drawn.items():
        assert (picture.dtype, picture.ndim) == (np.uint8, 3), name
        assert min(picture.shape[:2]) >= 600, name
        # paper, ink and colour
        assert (picture == 255).all(axis=2).mean() > 0.2, name
        assert (picture.max(axis=2).astype(int) - picture.min(axis=2) > 80).any(), name
    hot = heat_picture(found.heat).astype(int)
    row, column = np.unravel_index(int(found.heat.share.argmax()), (96, 96))
    assert hot[row, column, 0] > hot[70, 70, 0] + 60
    # three quarters of the slices show the label, and so does the bar
    red, blue = (
        (np.abs(drawn["balance"].astype(int) - color).sum(axis=2) < 12) for color in ((209, 73, 91), (79, 134, 198))
    )
    bars = slice(230, 300)
    assert red[bars].sum() / (red[bars].sum() + blue[bars].sum()) == pytest.approx(0.75, abs=0.03)


def test_the_command_says_it_in_words(project, tmp_path, capsys):
    assert run(["explore", str(project.path), "--json", "-o", str(tmp_path / "o")]) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert (facts["command"], facts["with_label"], facts["labels"]) == ("explore", 15, ["Spot"])
    assert facts["where"]["share"] == pytest.approx(1, abs=1e-3)
    assert "15 of them show it" in err
    assert len(told_in_words(look(project))) == 5
    with Project.create(tmp_path / "none.meninx"):
        pass
    assert run(["explore", str(tmp_path / "none.meninx")]) == 1
    assert "no scans" in capsys.readouterr().err


def test_a_huge_and_a_tiny_scan_go_together(project):
    add(project, np.zeros((1, 1, 1), np.uint8), None, "dot")
    add(project, np.full((2, 5, 300), 3, np.float32), None, "flat")
    array = np.full((1, 8, 8), np.nan, np.float32)
    add(project, array, np.ones(array.shape, bool), "nan")
    found = look(project)
    assert found.slices == 24
    assert found.rows[-1].area == 1
    assert pictures(found)
    assert found.sizes[0].rows == SIZE
