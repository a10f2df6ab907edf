"""Every key the code names has its string, and every sentence can be worded."""

from __future__ import annotations

import ast
import string
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import LockedError, MeninxError
from core.messages import moment, sentence, text

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = tomllib.loads((ROOT / "resources/i18n/en.toml").read_text(encoding="utf-8"))
ERRORS = {"MeninxError", "InputError", "ProjectError", "StorageError", "LockedError", "LearningError"}


def _calls():
    for folder in ("core", "models", "gui"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                    if isinstance(node.args[0].value, str):
                        yield path.relative_to(ROOT), name, node.args[0].value, node


def _has(key: str) -> bool:
    node = CATALOGUE
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return isinstance(node, str)


def test_every_text_key_named_in_the_code_exists():
    missing = [f"{path}: {key}" for path, name, key, _ in _calls() if name == "text" and "." in key and not _has(key)]
    assert not missing


def test_every_error_code_has_a_sentence_and_its_fields():
    faults = []
    for path, name, code, node in _calls():
        if name not in ERRORS:
            continue
        if code not in CATALOGUE["errors"]:
            faults.append(f"{path}: {code}")
            continue
        if any(keyword.arg is None for keyword in node.keywords):
            continue
        named = {field for _, field, _, _ in string.Formatter().parse(CATALOGUE["errors"][code]) if field}
        given = {keyword.arg for keyword in node.keywords}
        if not named <= given:
            faults.append(f"{path}: {code} needs {sorted(named - given)}")
    assert not faults


@pytest.mark.parametrize("code", sorted(CATALOGUE["errors"]))
def test_a_sentence_is_one_plain_sentence(code):
    words = CATALOGUE["errors"][code]
    assert words[0].isupper() or words[0] == "{"
    assert words.endswith((".", "!", "?"))
    assert "\n" not in words


def test_wording_fills_the_fields():
    assert text("app.name") == "Meninx"
    assert "Stroke" in sentence(MeninxError("label-unknown", name="Stroke", known="Brain"))


def test_a_stored_time_is_told_as_the_clock_on_the_wall_has_it():
    stored = "2026-11-22T10:26:01.394Z"
    here = datetime(2026, 11, 22, 10, 26, 1, tzinfo=UTC).astimezone()
    assert moment(stored) == here.strftime("%Y-%m-%d %H:%M")
    words = sentence(LockedError("project-locked", holder="anna@ward", since=stored))
    assert words.startswith(f"anna@ward is drawing in this project since {moment(stored)};")
    assert moment("some time ago") == "some time ago"
