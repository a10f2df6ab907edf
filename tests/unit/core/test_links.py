"""Identity stays out of the project: in the links, and in nobody else's hands."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from core.geometry import Geometry
from core.project.links import Link, Links, home, normal
from core.project.project import Project
from core.volume import Volume

CANARIES = ("Zwetschgenberger", "Adalbert", "PID-0815-4711", "1.2.840.99999.7", "klinikum-links-der-isar")


def head(seed: int = 0, **facts: str) -> Volume:
    array = np.random.default_rng(seed).integers(0, 99, (2, 8, 8)).astype(np.int16)
    return Volume(array, Geometry((2, 8, 8), np.eye(4)), facts=facts)


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() + str(file).encode() for file in folder.rglob("*") if file.is_file())


def test_no_word_of_the_identity_is_in_the_project(tmp_path: Path, own_home: Path) -> None:
    with Project.create(tmp_path / "p") as project:
        project.add_scan(
            head(echo="12 ms", operator="Dr Adalbert", note="of ZWETSCHGENBERGER", uid="1.2.840.99999.7.1"),
            patient="Zwetschgenberger^Adalbert",
            description="head of Zwetschgenberger",
            source=["/data/klinikum-links-der-isar/Zwetschgenberger/1.dcm"],
            identity={
                "PatientName": "Zwetschgenberger^Adalbert",
                "PatientID": "PID-0815-4711",
                "StudyInstanceUID": "1.2.840.99999.7",
            },
        )
        scan = project.scans()[0]
        assert dict(project.read_volume(scan.id).facts) == {"echo": "12 ms"}
        assert scan.description == ""
        inside = everything(project.path).lower()
        for word in CANARIES:
            assert word.lower().encode() not in inside, word
        # a key that anybody could compute from a name would be no pseudonym
        assert project.links.patient(scan.patient) == "Zwetschgenberger^Adalbert"
        link = project.links.scan(scan.id)
        assert link is not None
        assert link.source == ("/data/klinikum-links-der-isar/Zwetschgenberger/1.dcm",)
        assert link.identity["PatientID"] == "PID-0815-4711"
    assert all(word.encode() in everything(own_home) for word in CANARIES)


def test_the_links_are_for_the_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Project.create(tmp_path / "p") as project:
            project.add_scan(head(), patient="Doe")
    finally:
        os.umask(before)
    file = home() / "links.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_same_person_has_one_key_per_project_and_none_elsewhere(tmp_path: Path) -> None:
    with Project.create(tmp_path / "p") as one, Project.create(tmp_path / "q") as two:
        first = one.add_scan(head(1), patient="Doe^John")
        again = one.add_scan(head(2), patient=" doe^JOHN")
        other = two.add_scan(head(1), patient="Doe^John")
    assert first.patient == again.patient
    assert first.patient != other.patient
    with Project.open(tmp_path / "p") as one:
        assert one.add_scan(head(3), patient="Doe^John").patient == first.patient


def test_another_workstation_has_other_keys_and_knows_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.create(tmp_path / "p") as project:
        here = project.add_scan(head(1), patient="Doe^John")
    shutil.copytree(tmp_path / "p", tmp_path / "copy")
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "elsewhere"))
    with Project.open(tmp_path / "copy") as project:
        assert project.links.patient(here.patient) is None
        assert project.links.scan(here.id) is None
        assert not (tmp_path / "elsewhere").exists()
        assert project.add_scan(head(2), patient="Doe^John").patient != here.patient
        assert project.verify() == []


def test_links_are_read_from_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = Links("p", tmp_path, file=tmp_path / "links.sqlite")
    key = links.remember("s", "Doe", ["a"], {"PatientID": "1"})
    assert key is not None
    monkeypatch.setattr(Links, "_connected", None)
    assert links.patient(key) == "Doe"
    assert links.scan("s") == Link(("a",), {"PatientID": "1"})
    assert links.scan("t") is None


def test_unknown_patients_have_no_key(tmp_path: Path) -> None:
    links = Links("p", tmp_path, file=tmp_path / "links.sqlite")
    assert links.remember("s", None, [], {}) is None


@pytest.mark.parametrize(("one", "other"), [("Doe  John", "doe john "), ("Müller", "Mu\u0308ller"), ("ＡＢ", "ab")])
def test_spelling_does_not_make_two_people_of_one(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_links_of_a_whole_project_are_read_at_once(tmp_path: Path, own_home: Path) -> None:
    with Project.create(tmp_path / "p") as project, Project.create(tmp_path / "other") as other:
        first = project.add_scan(head(), patient="Anna", source=["/a/1.dcm"], identity={"PatientName": "Anna"})
        second = project.add_scan(head(1), patient="Berta", source=["/b/1.dcm"], identity={})
        other.add_scan(head(2), patient="Carla", source=["/c/1.dcm"], identity={})
        assert project.links.scans() == {
            first.id: Link(("/a/1.dcm",), {"PatientName": "Anna"}),
            second.id: Link(("/b/1.dcm",), {}),
        }
        assert project.links.patients() == {first.patient: "Anna", second.patient: "Berta"}
        assert project.links.key("  anna ") == first.patient
        assert project.links.key("Carla") not in {first.patient, second.patient}


def test_without_links_nobody_is_known(tmp_path: Path, own_home: Path) -> None:
    links = Links("01", tmp_path)
    assert (links.scans(), links.patients(), links.key("Anna")) == ({}, {}, None)
    assert not links.file.exists(), "reading makes no file"
