"""The rules that a linter does not know: sizes, writers, stubs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("core", "models", "gui") for path in (ROOT / folder).rglob("*.py"))
MAX_FILE, MAX_FUNCTION = 520, 66


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MAX_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 1
            assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_writes_past_the_atomic_writer_and_nothing_is_left_undone(path):
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"\bcv2\.imwrite\(|\bnp\.save\(|\btorch\.save\([^()]*,\s*(str|path|file)", source)
    assert not re.search(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError|processEvents\(", source)


def test_only_the_headless_opencv_is_installed():
    from importlib.metadata import distributions

    names = {(distribution.metadata["Name"] or "").casefold() for distribution in distributions()}
    assert "opencv-python" not in names
    assert "torchvision" not in names
