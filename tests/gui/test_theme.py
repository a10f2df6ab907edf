"""Dark and light: the same names, words that can be read, and a switch that leaves nothing of the other behind."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QComboBox, QStyle, QStyleOptionComboBox, QWidget
from pytestqt.qtbot import QtBot

from core.messages import RESOURCES
from gui import theme
from gui.dialogs.settings_dialog import SettingsDialog
from gui.icons import pixmap
from gui.main_window import MainWindow
from gui.settings import LOOKS, Preferences, Settings
from gui.train.curves import PARTS, CurveCard

with (RESOURCES / "theme" / "tokens.toml").open("rb") as _file:
    TOKENS = tomllib.load(_file)
TABLES = {"dark": TOKENS["colors"], "light": TOKENS["light"]}
GROUNDS = ("backdrop", "panel", "field", "raised", "card", "row_alternate")
LIT = ("raised_hover", "raised_pressed", "accent_soft", "accent_rail")
WORDS = ("text", "text_bright", "muted", "accent_bright", "good", "warning", "danger")
PAIRS = (
    *((word, ground) for word in WORDS for ground in GROUNDS),
    *((word, ground) for word in ("text", "text_bright", "muted") for ground in LIT),
    *(("accent_text", ground) for ground in ("accent_fill", "accent_hover", "accent_pressed")),
    *((curve, "card") for curve in ("train", "validation", "best")),
    ("warning", "caution"),
    ("text", "caution"),
    ("danger", "danger_soft"),
    ("text", "danger_soft"),
    ("banner_text", "banner"),
    ("accent_bright", "accent_rail"),
    ("text_bright", "card_hover"),
    ("muted", "card_hover"),
)


@pytest.fixture(autouse=True)
def dark_again() -> Iterator[None]:
    yield
    theme.wear("dark")


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2, 1..21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def seen(widget: QWidget) -> NDArray[np.uint8]:
    """Return a widget as it is drawn, ``[y, x, 3]``."""
    image = widget.grab().toImage().convertToFormat(image_format())
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def image_format() -> object:
    from PySide6.QtGui import QImage

    return QImage.Format.Format_RGB888


def test_the_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_themes_have_the_same_names() -> None:
    assert set(TABLES["dark"]) == set(TABLES["light"])
    assert all(QColor(color).isValid() for table in TABLES.values() for color in table.values())
    # scans stand on black in both
    assert TABLES["dark"]["viewer"] == TABLES["light"]["viewer"] == "#000000"


@pytest.mark.parametrize("looks", TABLES)
@pytest.mark.parametrize(("words", "ground"), PAIRS)
def test_words_can_be_read(looks: str, words: str, ground: str) -> None:
    assert contrast(TABLES[looks][words], TABLES[looks][ground]) >= 4.5


@pytest.mark.parametrize("name", ["text", "text_bright", "muted", "warning", "only_prediction", "only_reader"])
def test_what_lies_over_scans_can_be_read_in_both_themes(name: str) -> None:
    theme.wear("light")
    assert theme.scan_color(name) == TABLES["dark"][name]
    assert contrast(theme.scan_color(name), "#000000") >= 4.5


@pytest.mark.parametrize("looks", TABLES)
def test_what_is_no_word_can_be_told_from_its_ground(looks: str) -> None:
    # what is disabled is exempt in WCAG; it is held to what is asked of signs
    table = TABLES[looks]
    for sign, ground in (("faint", "panel"), ("faint", "backdrop"), ("accent", "panel"), ("accent", "card")):
        assert contrast(table[sign], table[ground]) >= 3.0, (sign, ground)


def test_a_switch_leaves_nothing_of_the_dark_and_a_switch_back_leaves_all_as_it_was(
    opened: MainWindow, qtbot: QtBot
) -> None:
    opened.resize(1280, 800)
    qtbot.wait(100)
    before = {}
    for page in ("annotate", "train", "review"):
        opened.show_workspace(page)
        qtbot.wait(300)
        before[page] = seen(opened)
    theme.wear("light")
    surfaces = {TABLES["dark"][name] for name in (*GROUNDS, "raised_hover", "groove", "line", "accent_soft")}
    for page in before:
        opened.show_workspace(page)
        qtbot.wait(100)
        picture = seen(opened)
        # the sign of the program has a ground of its own
        picture[:44, :44] = 255
        for view in opened.findChildren(QWidget):
            # scans, and pictures of scans in the list, stay as they are
            if view.isVisible() and (view in (opened.annotate.views, opened.worklist.list)):
                corner = view.mapTo(opened, QPoint(0, 0))
                picture[corner.y() : corner.y() + view.height(), corner.x() : corner.x() + view.width()] = 255
        for color in surfaces:
            wanted = [int(color[at : at + 2], 16) for at in (1, 3, 5)]
            # a pixel at the edge of a letter may be of any colour
            assert (picture == wanted).all(axis=-1).sum() < 100, (page, color)
        assert picture.mean() > 180, page
    theme.wear("dark")
    for page, picture in before.items():
        opened.show_workspace(page)
        qtbot.wait(100)
        assert (seen(opened) == picture).all(), page


def test_icons_are_recoloured(opened: MainWindow) -> None:
    def middle() -> int:
        drawn = opened.actions_table["import"].icon().pixmap(40, 40).toImage()
        shades = [drawn.pixelColor(x, y) for x in range(40) for y in range(40)]
        solid = [shade.lightness() for shade in shades if shade.alpha() > 200]
        return sum(solid) // len(solid)

    assert middle() > 180
    theme.wear("light")
    assert middle() < 80
    assert pixmap("import").toImage() != pixmap("import", "accent").toImage()


def test_plots_are_recoloured(qtbot: QtBot) -> None:
    card = CurveCard({"loss": "Loss"})
    qtbot.addWidget(card)
    theme.wear("light")
    for part in PARTS:
        assert card._curves[part].opts["pen"].color().name() == TABLES["light"][part]
        assert TABLES["light"][part] in card._now[part].styleSheet()
    assert card._plot.backgroundBrush().color().name() == TABLES["light"]["card"]


def test_as_the_system(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = [Qt.ColorScheme.Unknown]

    class Hints:
        def setColorScheme(self, _scheme: Qt.ColorScheme) -> None:
            """As the desktop has it."""

        def colorScheme(self) -> Qt.ColorScheme:
            return scheme[0]

    monkeypatch.setattr(QApplication, "styleHints", lambda _self: Hints())
    theme.wear("system")
    assert theme.changes().worn == "dark", "who says nothing has the dark"
    scheme[0] = Qt.ColorScheme.Light
    theme.changes().follow()
    assert theme.changes().worn == "light"
    scheme[0] = Qt.ColorScheme.Dark
    theme.changes().follow()
    assert theme.changes().worn == "dark"
    theme.wear("light")
    theme.changes().follow()
    assert theme.changes().worn == "light", "who chose is not overruled"


def test_the_choice_is_in_the_settings_and_is_kept(opened: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def choose(dialog: SettingsDialog) -> int:
        dialog.general.looks.setCurrentIndex(LOOKS.index("light"))
        return int(SettingsDialog.DialogCode.Accepted.value)

    monkeypatch.setattr(SettingsDialog, "exec", choose)
    opened.actions_table["settings"].trigger()
    assert theme.changes().worn == "light"
    assert Settings().preferences.looks == "light"
    assert SettingsDialog(Preferences(looks="nonsense")).general.looks.currentData() == "dark"


def test_a_list_to_choose_from_uses_the_room_beside_its_arrow(qtbot: QtBot) -> None:
    around = QWidget()
    qtbot.addWidget(around)
    theme.dress(around)
    box = QComboBox(around)
    box.addItem("256 × 256")
    box.resize(123, 30)
    around.show()
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    part = QStyle.SubControl.SC_ComboBoxEditField
    words = box.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, box)
    # frame and padding at the left, the arrow at the right, and nothing twice
    assert words.width() >= 123 - 10 - 22 - 6
