"""The German catalogue: whole, with the same places to fill, one word for one thing, and no English left over."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

from core import messages
from core.learning.class_set import says_no
from core.messages import text

FOLDER = Path(__file__).resolve().parents[3] / "resources/i18n"

SAME = {
    # names of the program, of formats, networks and figures; units; words that are the same in both
    "Meninx", "Dice", "IoU", "HD95", "AUC", "ROC", "Loss", "Scan", "Scans", "Label", "Labels", "Patient", "Test",
    "Name", "Status", "Folds", "Layer", "Lasso", "Polygon", "Median", "Format", "Header", "Tag", "Tags", "Otsu",
    "3-D", "Auto", "Subdural", "Axial", "Sagittal", "axial", "sagittal", "Arrays", "Kappa", "Zoom", "Navigation",
    "Training", "Annotation", "Viridis", "Inferno", "Dice + Focal", "HU", "HDF5", "PNG", "COCO", "NIfTI", "DICOM",
    "DICOM SEG", "nnU-Net", "BIDS derivatives", "Label Studio", "labelme", "YOLO-seg", "Medical Decathlon",
    "3D Slicer", "3D Slicer (.seg.nrrd)", "U-Net", "Attention U-Net", "VGG16", "U-Net on VGG16", "Analyze 7.5",
    "Analyze", "NRRD", "MetaImage", "MGH", "MGH (FreeSurfer)", "MINC", "AFNI", "Philips PAR/REC", "PAR/REC",
    "MATLAB 7.3", "TIFF", "WebP", "JPEG", "BMP", "Zip (*.zip)", "PDF (*.pdf);;HTML (*.html)", "CSV (*.csv)",
    "NIfTI (*.nii.gz)", "PNG (*.png)", "Voxel (x, y, z)", "Voxel (x × y × z)", "in 3-D", "b", "{run} (AUC {dice})",
    "{run} (Dice {dice})", "Dice {dice}", "AUC {auc}", "Annotation ({reader})", "{reason}, Dice {dice}",
    "Annotation, px", "Annotation, mL", "{minutes} min {seconds} s", "< 1 min", "{minutes} min",
    "{hours} h {minutes} min", "Header {number}", "{scan}, {label}, Dice {dice}", "Patient {number}",
    "Version {version}  ·  Python {python}  ·  PySide6 {pyside}  ·  pyqtgraph {pyqtgraph}",
}  # fmt: skip
"""Strings that may be the same in both languages."""

ENGLISH = re.compile(
    r"\b(the|and|of|is|are|was|were|with|from|this|that|these|not|slices?|masks?|reader|readers|which|where|your|you|its|"
    r"choose|save|open|close|file|files|folder|only|for|them|their|has|have|be|to|by|on|or|no|an|as|at|it)\b",
    re.IGNORECASE,
)
KEPT = re.compile(
    r"--[\w-]+(?: [a-z-]+)?|\{[^}]*\}|%\w|main\.py[^\n]*|Label Studio|Brain|no-SCHRITT|no-\.\.\."
    r"|Meninx-gpu\S*|BIDS derivatives"
    r"|[\w./~-]+\.(?:toml|json|csv|html|pdf|onnx|nrrd|safetensors|nii|gz|pack|xml|zip|pth|pt|log)"
    r"|\*\.\w+|\(.*?\*\.\w+.*?\)|(?:Befehl|Ordner|es|ihn) masks|masks PROJEKT"
)
DATA = {
    # what scripts type: names of options and values stay
    "errors.channels-bad", "errors.export-only", "errors.class-table", "errors.class-table-none", "errors.patient-way",
    "errors.patient-table", "errors.split-file-unreadable", "errors.split-part-unknown", "errors.mask-colours",
    "errors.evaluate-what", "errors.exchange-tool", "notices.export-ignore", "hand_over.help_adjudicate",
    "hand_over.help_why", "hand_over.help_role", "import.help_from", "import.help_patient", "import.help_masks",
    "import.help_classes",
    "project.help_class_from", "learning.yes_help", "learning.task_help", "learning.level_help", "learning.split_help",
    "learning.channels_help", "learning.prepare_help", "evaluate.help_on", "runs.help_run",
    "project.help_layer", "stages.gathering",
}  # fmt: skip


def flat(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    messages._flatten(tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8")), "", found)
    return found


EN, DE = flat("en"), flat("de")


def fields(words: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(words) if field is not None}


def test_every_string_is_there_in_german():
    missing = sorted(set(EN) - set(DE))
    assert not missing, "\n".join(f"{key} = {EN[key]!r}" for key in missing)


def test_nothing_is_there_that_english_lacks_but_words_for_one():
    more = set(DE) - set(EN)
    faults = [
        key for key in more if not key.endswith("_one") or "count" not in fields(EN.get(key.removesuffix("_one"), ""))
    ]
    assert not faults


@pytest.mark.parametrize("catalogue", [EN, DE], ids=["english", "german"])
def test_words_for_one_have_no_other_places(catalogue):
    pairs = [(key, key.removesuffix("_one")) for key in catalogue if key.endswith("_one")]
    pairs = [(one, many) for one, many in pairs if many in catalogue]
    assert len(pairs) >= 15
    faults = [one for one, many in pairs if not fields(catalogue[one]) <= fields(catalogue[many])]
    assert not faults


def test_the_same_places_are_filled():
    faults = [key for key in EN if key in DE and fields(EN[key]) != fields(DE[key])]
    assert not faults, faults


def test_one_is_said_as_one(monkeypatch):
    monkeypatch.setenv(messages.VARIABLE, "de")
    messages._catalogue.cache_clear()
    assert text("intake.skipped", count=1) == "1 Datei wurde übergangen."
    assert text("intake.skipped", count=2) == "2 Dateien wurden übergangen."
    assert text("review.told_predicted", run="Lauf 3", count=1) == "Lauf 3 hat den Scan vorhergesagt."


def test_no_string_was_left_in_english():
    same = {key: EN[key] for key in EN if key in DE and EN[key] == DE[key] and EN[key] not in SAME}
    # figures, units and names that are filled in have no words of their own
    same = {key: words for key, words in same.items() if re.search(r"[^\W\d_]{3}", KEPT.sub("", words))}
    assert not same, same


def test_no_english_word_stands_in_a_german_string():
    faults = {}
    for key, words in DE.items():
        left = KEPT.sub(" ", words)
        german = {"an", "was", "so", "am", "in", "also", "es", "war", "warum", "die", "den", "der", "bei", "mit"}
        found = {one.casefold() for one in ENGLISH.findall(left)} - german
        if found and key not in DATA and words not in SAME:
            faults[key] = sorted(found)
    assert not faults, faults


@pytest.mark.parametrize("key", sorted(key for key in DE if key.startswith("errors.")))
def test_an_error_is_one_plain_sentence(key):
    words = DE[key]
    assert words[0].isupper() or words[0] == "{"
    assert words.endswith((".", "!", "?"))
    assert "\n" not in words


def test_keys_are_called_as_on_a_german_keyboard():
    wrong = re.compile(r"\b(Ctrl|Shift|Enter|Backspace|Delete|Space)\b")
    assert not {key: words for key, words in DE.items() if wrong.search(words)}


def test_one_word_for_one_thing():
    # the glossary at the head of the file
    avoided = re.compile(
        r"\b(Aufnahmen?|Beschriftung\w*|Segmentierungs?maske|Reader|Slices?|Schnittbild\w*|Worklist|Trainingslauf|Ebene/Layer)\b"
    )
    assert not {key: words for key, words in DE.items() if avoided.search(words)}


def test_decimals_have_a_comma_where_people_read_them():
    point = re.compile(r"(?<![\w./-])\d+\.\d+(?![\w.])")
    typed = ("_help", "help_", "format_", "dialogs.about")
    wrong = {key: words for key, words in DE.items() if point.search(words) and not any(part in key for part in typed)}
    assert not wrong


def test_german_words_for_no_count_as_no():
    for words in ("nein", "Nein", "kein Schlaganfall", "keine", "unauffällig", "ohne Befund", "gesund"):
        assert says_no(words), words
    for words in ("ja", "Schlaganfall", "keimig", "nichtinvasiv operiert"):
        assert not says_no(words), words
