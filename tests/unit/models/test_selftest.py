"""The self-test of an installed copy: it passes here, and a fault anywhere is one sentence and exit status 1."""

from __future__ import annotations

import json
import os

import pytest

from core.commands.line import run
from core.events import Finished
from models.commands import selftest


def answer(capsys, *options):
    status = run(["selftest", "--json", *options])
    return status, json.loads(capsys.readouterr().out)["checks"]


def test_the_short_one_passes_and_leaves_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))  # OpenVINO's telemetry would leave a folder there
    monkeypatch.setattr(selftest.tempfile, "tempdir", str(tmp_path))
    status, checks = answer(capsys)
    assert (status, checks) == (0, dict.fromkeys(("libraries", "project", "decoding", "strip"), ""))
    assert os.environ["MENINX_HOME"] == str(tmp_path / "home")
    assert list(tmp_path.iterdir()) == [], "the person's own folder is not even made"


def test_a_library_that_is_missing_is_the_only_thing_said(capsys, monkeypatch):
    monkeypatch.setattr(selftest, "LIBRARIES", ("numpy", "not_there_at_all"))
    monkeypatch.setattr(selftest, "_project", lambda _folder: None)
    monkeypatch.setattr(selftest, "_decoding", lambda _folder: None)
    monkeypatch.setattr(selftest, "_strip", lambda _folder: None)
    status, checks = answer(capsys)
    assert status == 1
    assert "not_there_at_all" in checks.pop("libraries")
    assert set(checks.values()) == {""}


@pytest.mark.parametrize("target", [os._exit, selftest.serve_window])
def test_a_child_that_dies_is_one_sentence(target, tmp_path):
    ours, theirs = selftest.multiprocessing.get_context("spawn").Pipe()
    arguments = (3,) if target is os._exit else (theirs, tmp_path / "absent.nii.gz", tmp_path / "no" / "such")
    fault = selftest._fault(lambda _folder: selftest._last_word(ours, theirs, target, arguments), tmp_path)
    assert fault
    assert "exit 3" in fault or target is not os._exit


def test_the_window_is_driven_in_a_child_and_leaves_a_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    selftest._window(tmp_path)
    assert (tmp_path / "window.png").read_bytes().startswith(b"\x89PNG")


def test_words_of_a_child_are_heard_in_order():
    ours, theirs = selftest.multiprocessing.get_context("spawn").Pipe()
    assert selftest._last_word(ours, theirs, _say, (theirs,)) == {"n": 3}


def _say(connection):
    for event in ("other", Finished({"n": 3})):
        connection.send(event)
