"""The guide is walked: its commands run, its sentences are those of the program, its examples of code work."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import walk as walking
from test_guide_true import ROOT, WORDS
from walk import FENCE

from core.exchange import exporting, registry
from core.labels import LabelSet
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui.guide import pages

QUICK = ("formats", "exchange", "coming-from-label-studio", "teams", "data", "it")
"""Pages most of whose commands take a moment."""
SLOW = re.compile(r"main\.py (train|selftest)\b")


@pytest.mark.parametrize("page", QUICK)
def test_commands_of_a_page_end_as_it_says(page: str, tmp_path: Path) -> None:
    walked = list(walking.walk(page, tmp_path / "here", lambda line: not SLOW.search(line)))
    assert walked
    for one in walked:
        assert one.right, f"{one.line}\n{one.told}"


@pytest.mark.soak
@pytest.mark.parametrize("page", [page for page in pages.PAGES if walking.lines_of(page)])
def test_every_command_of_the_guide_ends_as_it_says(page: str, tmp_path: Path) -> None:
    for one in walking.walk(page, tmp_path / "here"):
        assert one.right, f"{one.line}\n{one.told}"


def test_sentences_quoted_are_those_of_the_program() -> None:
    with (ROOT / "resources" / "i18n" / "en.toml").open("rb") as file:
        tables = tomllib.load(file)
    known = {
        re.sub(r"\{\w+(?::[^}]*)?\}", "…", words).replace("{{", "{").replace("}}", "}")
        for table in ("errors", "notices", "session", "faults")
        for words in tables[table].values()
        if isinstance(words, str)
    }
    quoted = re.findall(r"^> (.+)$", WORDS["troubleshooting"], re.MULTILINE)
    assert len(quoted) > 30
    assert not set(quoted) - known


def test_a_sentence_of_the_program_finds_its_place_in_the_guide() -> None:
    found = pages.search("lies on another grid than its scan")
    assert found
    assert found[0].address == "troubleshooting#masks-that-do-not-come-in"


def blocks(page: str, kind: str) -> list[str]:
    """Return the blocks of a language on a page, as they would be written to a file."""
    found = []
    for indent, language, block in FENCE.findall(WORDS[page]):
        if language == kind:
            found.append("\n".join(line.removeprefix(indent) for line in block.splitlines()))
    return found


def example(part: str) -> dict[str, object]:
    """Run the example of code that holds a name; return what it defines."""
    (code,) = [block for block in blocks("developers", "python") if part in block]
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, part, "exec"), names)
    return names


def test_the_network_of_the_example_is_one() -> None:
    torch = pytest.importorskip("torch")
    built = example("build_plain")["build_plain"](3, 2, 64)
    assert built(torch.zeros(1, 3, 64, 64)).shape == (1, 2, 64, 64)


def test_the_format_of_the_example_goes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = example("CountsFormat")["CountsFormat"]
    monkeypatch.setattr(exporting, "make_format", lambda name: made())
    assert "counts" not in registry.FORMATS
    found = walking.head(1)
    with Project.create(tmp_path / "p.meninx") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        scan = project.add_scan(found.volume, patient="one")
        label = project.labels().named("Brain")
        values = found.masks["Brain"].astype(np.uint8) * label.value
        states = [SliceState(z, Origin.DRAWN, None, True, "anna") for z in range(len(values))]
        annotation = project.ensure_annotation(scan.id, "anna")
        project.save_layers(annotation.id, {label.layer: values}, {label.layer: states}, journal_sequence=0)
    list(exporting.export_job(tmp_path / "p.meninx", "counts", tmp_path / "out"))
    rows = (tmp_path / "out" / "counts.csv").read_text().splitlines()
    assert rows[1].endswith(f",Brain,{int(found.masks['Brain'].sum())}")


def test_lines_for_a_shell_name_what_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for page in WORDS for block in blocks(page, "sh") for line in block.splitlines() if line.strip()]
    assert len(lines) > 10
    for line in lines:
        given = [word for word in shlex.split(line) if "=" not in word]
        if given[0] == "make":
            assert given[1] in targets, line
        for word in given:
            if word.startswith(("tests/", "installer/")):
                assert (ROOT / word).exists(), line
