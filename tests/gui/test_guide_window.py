"""The guide inside the program: opens where one is, follows links, finds words, goes back."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextCursor, QTextImageFormat
from PySide6.QtNetwork import QNetworkAccessManager
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from core.editing.operations import Operation
from gui.annotate.rail import TOOLS
from gui.guide import pages
from gui.guide.window import GuideWindow
from gui.main_window import MainWindow


def stands_at_top(guide: GuideWindow, heading: str) -> bool:
    """Return whether a heading is within the first lines that are seen."""
    block = guide.reader.document().begin()
    while block.isValid() and not (block.blockFormat().headingLevel() and block.text() == heading):
        block = block.next()
    return block.isValid() and 0 <= guide.reader.cursorRect(QTextCursor(block)).top() <= 80


def test_f1_opens_the_guide_at_the_tool_in_the_hand(opened: MainWindow, qtbot: QtBot) -> None:
    opened.actions_table["scissors"].trigger()
    QTest.keyClick(opened.annotate.views.main, Qt.Key.Key_F1)
    guide = opened.commands.guide
    assert guide is not None
    assert guide.isVisible()
    qtbot.waitUntil(lambda: stands_at_top(guide, "Scissors"))
    assert guide.tree.currentItem().text(0) == "Scissors"
    # the guide stays beside the work: drawing goes on
    assert not guide.isModal()
    opened.actions_table["wand"].trigger()
    opened.annotate.options.guide.click()
    qtbot.waitUntil(lambda: stands_at_top(guide, "Wand"))
    opened.actions_table["workspace_train"].trigger()
    opened.actions_table["guide_here"].trigger()
    assert guide.reader.page == "train"


def test_every_tool_can_be_asked_about(opened: MainWindow, qtbot: QtBot) -> None:
    for name in TOOLS:
        opened.annotate.hand.take(name)
        assert opened.annotate.options.guide.toolTip().startswith("What is this?")
        opened.annotate.options.guide.click()
        guide = opened.commands.guide
        assert guide is not None
        slug = pages.TOPICS[name].partition("#")[2]
        assert guide.tree.currentItem().data(0, Qt.ItemDataRole.UserRole) == pages.TOPICS[name]
        # the last section of a page cannot stand at the top of the window, but it is seen
        assert guide.reader.place() == slug or guide.reader.at_end(), name


def test_the_panel_asks_about_the_operation_chosen(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    for operation in (None, *Operation):
        if operation is not None and panel.box.findData(operation) < 0:
            continue
        panel.choose(operation)
        panel.guide.click()
        guide = opened.commands.guide
        assert guide is not None
        wanted = pages.TOPICS["edit" if operation is None else f"edit_{operation.value}"]
        assert guide.tree.currentItem().data(0, Qt.ItemDataRole.UserRole) == wanted
    panel.close_options()


def test_links_lead_on_and_back(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["guide"].trigger()
    guide = window.commands.guide
    assert guide is not None
    assert guide.reader.page == "README"
    assert not guide.back.isEnabled()
    guide.reader.anchorClicked.emit(QUrl("tools.md#lasso"))
    assert (guide.reader.page, guide.reader.place()) == ("tools", "lasso")
    guide.reader.anchorClicked.emit(QUrl("#polygon"))
    assert guide.reader.place() == "polygon"
    guide.back.click()
    assert guide.reader.place() == "lasso"
    guide.back.click()
    assert guide.reader.page == "README"
    guide.forward.click()
    assert guide.reader.place() == "lasso"


def test_search_finds_headings_first_and_says_when_there_is_nothing(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["guide"].trigger()
    guide = window.commands.guide
    assert guide is not None
    guide.field.setText("threshold")
    first = guide.tree.topLevelItem(0)
    assert first is not None
    assert first.text(0).startswith("Threshold")
    guide.tree.itemClicked.emit(first, 0)
    assert guide.reader.place() == "threshold"
    guide.field.setText("threshold zebra")
    assert guide.tree.topLevelItemCount() == 0
    assert not guide.nothing.isHidden()
    guide.field.setText("")
    assert guide.tree.topLevelItemCount() == len(pages.PAGES)


def test_pages_show_their_pictures_within_the_text_and_ask_no_network(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["guide"].trigger()
    guide = window.commands.guide
    assert guide is not None
    guide.resize(700, 600)
    for page in pages.PAGES:
        guide.go(page)
        block, pictures = guide.reader.document().begin(), 0
        while block.isValid():
            walk = block.begin()
            while not walk.atEnd():
                shape = walk.fragment().charFormat()
                if shape.isImageFormat():
                    picture: QTextImageFormat = shape.toImageFormat()
                    assert 0 < picture.width() <= guide.reader.viewport().width()
                    assert (pages.GUIDE / picture.name()).is_file()
                    pictures += 1
                walk += 1
            block = block.next()
        assert pictures == pages.read(page).count("![")
        assert guide.reader.horizontalScrollBar().maximum() == 0, page
    assert not guide.findChildren(QNetworkAccessManager)


def test_a_guide_that_is_not_there_is_said_in_words(window: MainWindow, monkeypatch, tmp_path) -> None:
    told: list[str] = []
    window.session.notifier.told.connect(lambda one: told.append(one.words))
    monkeypatch.setattr(pages, "GUIDE", tmp_path)
    pages.read.cache_clear()
    pages.sections.cache_clear()
    try:
        window.actions_table["guide"].trigger()
        assert window.commands.guide is None
        assert len(told) == 1
        assert "guide cannot be shown" in told[0]
    finally:
        pages.read.cache_clear()
        pages.sections.cache_clear()


def test_a_page_is_written_to_its_end(qtbot: QtBot) -> None:
    guide = GuideWindow()
    qtbot.addWidget(guide)
    # gone to before it is shown, as F1 does it: half of the page stayed blank
    guide.go("tools#brush")
    guide.show()
    qtbot.waitExposed(guide)
    for width in (1150, 760, 1000):
        guide.resize(width, 700)
        QTest.qWait(150)
        for address in ("tools#brush", "edit-mask#islands", "tools#wand"):
            guide.go(address)
            QTest.qWait(50)
            block = guide.reader.document().begin()
            blank = []
            while block.isValid():
                if block.layout().lineCount() == 0:
                    blank.append(block.text())
                block = block.next()
            assert blank == [], (width, address)


def test_a_key_that_is_a_bracket_hides_no_words_from_the_search() -> None:
    words = next(section.words for section in pages.sections("tools") if section.slug == "brush")
    assert "[ Smaller brush" in words
    assert not any(mark in words for mark in ("<kbd>", "**", "]("))
