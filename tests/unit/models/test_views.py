"""Three planes averaged: where each slice lies, and the average worked out the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from review_support import bright_model

from core.errors import Cancelled
from core.geometry import Geometry, Plane
from core.project.predictions import read_meta, read_prediction, read_probability
from core.project.project import Project
from core.review.doubt import disagreement
from core.review.suggest import MIRRORED
from core.review.tidy import Tidying, Ways
from core.volume import Volume
from models.inference import Predictor
from models.predicting import predict_job
from models.views import has_three, in_three_views, turned

AXIAL = np.array([[-1.1, 0, 0, 40.0], [0, -0.9, 0, 30.0], [0, 0, 3.0, -20.0], [0, 0, 0, 1]])
SAGITTAL = np.array([[0, 0, 3.0, 40.0], [-0.9, 0, 0, 30.0], [0, -1.1, 0, 60.0], [0, 0, 0, 1]])
UPSIDE_DOWN = np.diag([1.0, 1.0, -2.0, 1.0])


def scan(affine, shape=(10, 26, 22), known=True):
    values = np.random.default_rng(2).integers(0, 900, shape).astype(np.int16)
    geometry = Geometry(shape, affine, spacing_known=known, orientation_known=known)
    return Volume(values, geometry)


@pytest.mark.parametrize("affine", [AXIAL, SAGITTAL, UPSIDE_DOWN])
@pytest.mark.parametrize("plane", list(Plane))
def test_a_turned_scan_has_every_voxel_where_it_was(affine, plane):
    volume = scan(affine)
    other = turned(volume, volume.geometry.view(plane))
    assert other.geometry.native_plane is plane
    random = np.random.default_rng(1)
    for _ in range(40):
        z, y, x = (int(random.integers(count)) for count in other.shape)
        world = other.geometry.to_world((x, y, z))
        here = np.rint(volume.geometry.to_voxel(world)).astype(int)
        assert np.allclose(volume.geometry.to_world(here), world, atol=1e-6)
        assert other.array[z, y, x] == volume.array[here[2], here[1], here[0]]


@pytest.fixture
def predictor(tmp_path):
    bright_model(tmp_path, ("Tumour",))
    return Predictor(tmp_path, exact=True)


@pytest.mark.parametrize("affine", [AXIAL, SAGITTAL])
def test_the_three_are_averaged_four_four_two(predictor, affine):
    volume = scan(affine)
    steps = list(in_three_views(predictor, volume))
    found = steps[-1][1]["Tumour"]
    wanted = np.zeros(volume.shape)
    for plane, weight in ((Plane.AXIAL, 0.4), (Plane.CORONAL, 0.4), (Plane.SAGITTAL, 0.2)):
        native = plane is volume.geometry.native_plane
        other = volume if native else turned(volume, volume.geometry.view(plane))
        said = predictor.predict_volume(other)["Tumour"]
        for z, y, x in np.ndindex(*other.shape):
            here = np.rint(volume.geometry.to_voxel(other.geometry.to_world((x, y, z)))).astype(int)
            wanted[here[2], here[1], here[0]] += weight * said[z, y, x]
    assert np.abs(found.astype(float) - wanted).max() <= 0.51
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == volume.shape[0]
    with pytest.raises(Cancelled):
        list(in_three_views(predictor, volume, lambda: "stop"))


def test_thin_scans_and_pictures_have_one_view():
    assert has_three(scan(AXIAL))
    assert not has_three(scan(AXIAL, (4, 26, 22)))
    assert not has_three(scan(UPSIDE_DOWN, (1, 26, 22), known=False))


def test_the_job_keeps_what_was_asked_and_what_the_mirror_said(tmp_path):
    from review_support import bright_run

    with Project.create(tmp_path / "p.meninx") as project:
        project.ensure_label("Tumour")
        thick = project.add_scan(scan(AXIAL), patient="a")
        thin = project.add_scan(scan(AXIAL, (3, 26, 22)), patient="b")
        run = bright_run(project, {}, labels=("Tumour",))
        plain = list(predict_job(project.path, run.id))
        assert MIRRORED not in read_meta(project, run.id, thick.id)
        before = read_prediction(project, run.id, thick.id)["Tumour"]
        ways = Ways(mirrored=True, three_views=True, tidying=Tidying(smallest=60.0, margin=-0.5))
        events = list(predict_job(project.path, run.id, ways=ways))
        assert type(plain[-1]) is type(events[-1])
        notices = [event for event in events if getattr(event, "key", "") == "predict-one-view"]
        assert [notice.fields["scan"] for notice in notices] == [thin.name]
        meta = read_meta(project, run.id, thick.id)
        assert meta["views"] == 3
        assert meta["tidying"] == {"smallest": 60.0, "margin": -0.5}
        assert "views" not in read_meta(project, run.id, thin.id)
        assert len(meta[MIRRORED]["Tumour"]) == 10
        # fewer pieces, and thinner ones
        assert read_prediction(project, run.id, thick.id)["Tumour"].sum() < before.sum()
        assert read_probability(project, run.id, thick.id, "Tumour").shape == thick.shape


def test_what_the_mirror_says_is_the_difference_of_two_predictions(tmp_path):
    bright_model(tmp_path, ("Tumour",))
    volume = scan(AXIAL)
    both = Predictor(tmp_path, exact=True, mirrored=True)
    both.predict_volume(volume)
    # this network looks at each pixel alone: the mirror image is predicted alike, but for the resizing
    assert both.mirrored_doubt["Tumour"].max() < 0.2
    one = np.random.default_rng(0).random((3, 1, 32, 32)).astype(np.float32)
    said = both._run(one)[:, 0] >= 128 / 255
    other = both._run(one[..., ::-1])[:, 0, :, ::-1] >= 128 / 255
    np.testing.assert_allclose(both._both(one)[1][:, 0], disagreement(said, other))
    single = Predictor(tmp_path, exact=True)
    single.predict_volume(volume)
    assert single.mirrored_doubt == {}
