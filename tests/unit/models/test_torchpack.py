"""Which torch an installed copy takes, and that a checkout is left alone."""

from __future__ import annotations

import json
import sys

import pytest

from models import torchpack


def pack(folder):
    (folder / "torch").mkdir(parents=True)
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A frozen copy with a pack beside it, and a user's folder."""
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(torchpack.VARIABLE, raising=False)
    (tmp_path / "home").mkdir()
    program = tmp_path / "program"
    pack(program / "torchpack")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program / "meninx"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    return program


def choose(tmp_path, content):
    (tmp_path / "home" / torchpack.CHOICE).write_text(content, encoding="utf-8")


def test_a_checkout_is_left_alone(monkeypatch):
    monkeypatch.delenv(torchpack.VARIABLE, raising=False)
    before = list(sys.path)
    torchpack.enable()
    assert torchpack.folder() is None
    assert sys.path == before


def test_the_pack_beside_the_program_comes_last_on_the_path_once(installed):
    torchpack.enable()
    torchpack.enable()
    assert torchpack.folder() == installed / "torchpack"
    assert sys.path[-1] == str(installed / "torchpack")
    assert sys.path.count(str(installed / "torchpack")) == 1


def test_no_pack_no_change(installed):
    (installed / "torchpack" / "torch").rmdir()
    before = list(sys.path)
    torchpack.enable()
    assert sys.path == before


def test_a_chosen_pack_goes_first(installed, tmp_path):
    chosen = pack(tmp_path / "Pakete für Grafik" / "gpu")
    choose(tmp_path, json.dumps({"folder": str(chosen)}))
    assert torchpack.folder() == chosen


def test_a_chosen_pack_may_lie_in_the_users_folder(installed, tmp_path):
    chosen = pack(tmp_path / "home" / "packs" / "gpu")
    choose(tmp_path, json.dumps({"folder": "packs/gpu"}))
    assert torchpack.folder() == chosen


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"folder": 3}', '{"folder": ""}', '{"folder": "gone"}', "\x00"])
def test_a_choice_that_leads_nowhere_is_passed_over(installed, tmp_path, content):
    choose(tmp_path, content)
    assert torchpack.folder() == installed / "torchpack"


def test_a_pack_on_trial_goes_before_the_chosen_one(installed, tmp_path, monkeypatch):
    choose(tmp_path, json.dumps({"folder": str(pack(tmp_path / "chosen"))}))
    tried = pack(tmp_path / "tried")
    monkeypatch.setenv(torchpack.VARIABLE, str(tried))
    assert torchpack.folder() == tried


def test_the_bundle_of_a_mac_keeps_it_in_resources(installed, monkeypatch):
    (installed / "torchpack" / "torch").rmdir()
    resources = pack(installed.parent / "Resources" / "torchpack")
    assert torchpack.folder() == resources
