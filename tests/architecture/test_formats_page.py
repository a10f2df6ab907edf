"""docs/formats.md names the test behind each promise; each must be there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "formats.md"
_NAME = re.compile(r"\btest_[a-z0-9_]+")


def test_every_test_that_the_page_names_is_there() -> None:
    sources = list((ROOT / "tests").rglob("test_*.py"))
    there = {path.stem for path in sources}
    for path in sources:
        there |= set(re.findall(r"^\s*def (test_[a-z0-9_]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    named = set(_NAME.findall(PAGE.read_text(encoding="utf-8")))
    assert len(named) > 100
    # "test_a_" and then an ellipsis stands for a name that begins so
    missing = {name for name in named if name not in there and not (name.endswith("_") and _begins(name, there))}
    assert not missing


def _begins(stem: str, there: set[str]) -> bool:
    return any(name.startswith(stem) for name in there)


def test_every_row_of_the_page_names_a_proof() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    heads = ("| trap", "| format", "|---")
    told = [line for line in rows if not line.startswith(heads)]
    formats = [line for line in told if line.split("|")[1].strip().endswith((")", "5", "REC", "7.3"))]
    unproven = [line for line in told if "test_" not in line and line not in formats and "same" not in line]
    assert len(told) > 100
    assert not unproven
