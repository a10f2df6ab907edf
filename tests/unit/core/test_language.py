"""The words of another language: chosen by the process, English where one is missing, figures as it writes them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from core import messages
from core.messages import comma, day, numeral, speak, take_language, text

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tongues(tmp_path, monkeypatch):
    """A catalogue of two languages, the second with gaps."""
    folder = tmp_path / "i18n"
    folder.mkdir()
    (folder / "en.toml").write_text(
        '[a]\nboth = "both {count}"\nboth_one = "one"\nonly = "only English"\nshare = "{percent} % of {name}"\n'
        'loss = "loss {loss:.4f}, {facts[share]:.2%}, {scale}"\n',
        encoding="utf-8",
    )
    (folder / "de.toml").write_text(
        '[a]\nboth = "beide {count}"\nboth_one = "eines"\nshare = "{percent} % von {name}"\n', encoding="utf-8"
    )
    monkeypatch.setattr(messages, "RESOURCES", tmp_path)
    messages._catalogue.cache_clear()
    monkeypatch.setenv(messages.VARIABLE, "de")
    yield folder
    messages._catalogue.cache_clear()


def test_a_key_that_is_missing_stands_in_english(tongues):
    assert text("a.both", count=3) == "beide 3"
    assert text("a.only") == "only English"
    with pytest.raises(KeyError):
        text("a.nowhere")
    with pytest.raises(KeyError):
        text("a")


def test_one_has_words_of_its_own(tongues):
    assert [text("a.both", count=count) for count in (0, 1, "1", 2)] == ["beide 0", "eines", "eines", "beide 2"]


def test_a_damaged_translation_leaves_english(tongues):
    (tongues / "de.toml").write_text("[a\nboth", encoding="utf-8")
    messages._catalogue.cache_clear()
    assert text("a.both", count=3) == "both 3"


def test_figures_have_a_comma_and_names_keep_their_point(tongues):
    assert text("a.share", percent="3.5", name="2.5") == "3,5 % von 2.5"
    assert text("a.loss", loss=0.25, facts={"share": 0.5}, scale=1.5) == "loss 0,2500, 50,00%, 1,5"
    assert numeral(1234567.25, ",.1f") == "1\u202f234\u202f567,2"
    assert numeral(0.5, ".3f") == "0,500"
    assert comma("1.5 × 2.25 mm") == "1,5 × 2,25 mm"
    assert day(date(2026, 11, 2)) == "02.11.2026"


def test_english_has_a_point(tongues, monkeypatch):
    monkeypatch.setenv(messages.VARIABLE, "en")
    assert text("a.share", percent="3.5", name="2.5") == "3.5 % of 2.5"
    assert text("a.loss", loss=0.25, facts={"share": 0.5}, scale=1.5) == "loss 0.2500, 50.00%, 1.5"
    assert numeral(1234.5, ",.1f") == "1\u202f234.5"
    assert comma("1.5") == "1.5"
    assert day(date(2026, 11, 2)) == "2026-11-02"


def test_an_unknown_language_of_the_environment_is_english(monkeypatch):
    monkeypatch.setenv(messages.VARIABLE, "tlh")
    assert messages.language() == "en"
    monkeypatch.delenv(messages.VARIABLE)
    assert messages.language() == "en"
    with pytest.raises(KeyError):
        speak("tlh")


@pytest.mark.parametrize("given", [["--language", "de", "scans", "x"], ["--language=de", "scans", "x"]])
def test_the_command_line_takes_a_language_first(given, monkeypatch):
    monkeypatch.setenv(messages.VARIABLE, "en")
    assert take_language(given) == ["scans", "x"]
    assert messages.language() == "de"


def test_a_language_that_is_not_there_is_told():
    done = subprocess.run(
        [sys.executable, "main.py", "--language", "tlh", "scans"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "tlh" in done.stderr
    assert "de" in done.stderr


@pytest.mark.parametrize("tongue", ["de", "en"])
def test_the_settings_tell_how_the_command_line_speaks_another_language(tongue):
    words = (Path(__file__).parents[3] / "resources" / "i18n" / f"{tongue}.toml").read_text("utf-8")
    (hint,) = [line for line in words.splitlines() if line.startswith("language_hint = ")]
    assert "--language" in hint
    assert "MENINX_LANGUAGE" in hint


def test_help_whose_reader_has_seen_enough_ends_quietly():
    call = [sys.executable, "main.py", "--help"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(call, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as made:
        made.stdout.close()
        assert made.stderr.read().decode() == ""
    assert made.returncode == 0
