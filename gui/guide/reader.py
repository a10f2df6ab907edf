"""One page of the guide as it is read: Markdown with the program's own type and distances."""

from __future__ import annotations

import re

from PySide6.QtCore import QPoint, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QFont,
    QPixmap,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrame,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser, QWidget

from gui import theme
from gui.guide import pages

_TEXT = 15
"""px; longer texts than those of the window are read here."""
_SIZES = {1: 28, 2: 20, 3: 16}
_ABOVE = {1: 0, 2: 34, 3: 22}
_BELOW = {1: 14, 2: 8, 3: 4}
_WIDEST = 760
"""Lines longer than this are tiring."""
_MARGIN = 36
_LINE = 145
_AIR = 12
"""px above a heading that was gone to."""
_PROPORTIONAL = QTextBlockFormat.LineHeightTypes.ProportionalHeight.value


class Reader(QTextBrowser):
    """Shows a page and says which place was asked for."""

    asked = Signal(str)
    """A link within the guide was clicked: an address."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page = ""
        self._places: dict[str, int] = {}
        self._went: tuple[str, int] = ("", 0)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._clicked)
        self.setFrameShape(QTextBrowser.Shape.NoFrame)
        theme.style(self, "QTextBrowser { background: $panel; border: none; padding: 0; }")
        self.document().setDocumentMargin(0)
        theme.changes().changed.connect(self._anew)

    @Slot()
    def _anew(self) -> None:
        """Set the page again: its words keep the colours that they were set in."""
        if self.page:
            seen = self.verticalScrollBar().value()
            self.show_page(self.page)
            self.verticalScrollBar().setValue(seen)

    def show_page(self, page: str) -> None:
        """Show a page from its top."""
        self.page = page
        document = self.document()
        document.setDefaultFont(_font())
        document.setBaseUrl(QUrl.fromLocalFile(f"{pages.GUIDE}/"))
        # through the widget: it puts its own cursor away first, which would point into what is gone
        self.setMarkdown(_airy(pages.read(page)))
        self._places = dress(document, pages.sections(page))
        self._fit()
        self.verticalScrollBar().setValue(0)

    def go_to(self, slug: str) -> None:
        """Scroll to a place of the page; its top if there is none of that name."""
        position = self._places.get(slug) if slug else None
        # where the text cursor is, Qt scrolls to when the page is shown for the first time
        cursor = self.textCursor()
        cursor.setPosition(position or 0)
        self.setTextCursor(cursor)
        self._scroll_to(position)
        self._went = (slug, self.verticalScrollBar().value())

    def _scroll_to(self, position: int | None) -> None:
        """Put the block at a place of the text at the top; None for the top of the page."""
        top = 0.0
        if position is not None:
            block = self.document().findBlock(position)
            top = self.document().documentLayout().blockBoundingRect(block).top() - _AIR
        self.verticalScrollBar().setValue(max(0, round(top)))

    def at_end(self) -> bool:
        """Return whether the page is scrolled to its end."""
        bar = self.verticalScrollBar()
        return bar.value() == bar.maximum()

    def place(self) -> str:
        """Return the slug of the section at the top of what is shown."""
        seen = self.verticalScrollBar().value() + 40
        layout, found = self.document().documentLayout(), ""
        for slug, position in self._places.items():
            if layout.blockBoundingRect(self.document().findBlock(position)).top() <= seen:
                found = slug
        return found

    @Slot(QUrl)
    def _clicked(self, url: QUrl) -> None:
        link = url.toString()
        address = pages.target(link, self.page)
        if address:
            self.asked.emit(address)
        elif url.scheme() in ("http", "https"):
            QDesktopServices.openUrl(url)

    def resizeEvent(self, event: QResizeEvent) -> None:
        slug, went = self._went
        seen = self.verticalScrollBar().value()
        first = self.cursorForPosition(QPoint(_MARGIN, 2 * _AIR)).block().position()
        super().resizeEvent(event)
        self._fit()
        # the lines are others now: what was read stays in sight, where one was led to above all
        if seen == went:
            self.go_to(slug)
        elif seen:
            self._scroll_to(first)

    def _fit(self) -> None:
        """Keep lines short, and pictures no wider than they are or the text is."""
        room = self.viewport().width()
        text = min(_WIDEST, max(200, room - 2 * _MARGIN))
        frame = QTextFrameFormat(self.document().rootFrame().frameFormat())
        frame.setLeftMargin(_MARGIN)
        frame.setRightMargin(max(_MARGIN, room - _MARGIN - text))
        frame.setTopMargin(28)
        frame.setBottomMargin(48)
        # one change, so that the page is laid out once: where it is changed again before its end is laid out, Qt leaves
        # blocks without lines, and they stay blank
        whole = QTextCursor(self.document())
        whole.beginEditBlock()
        self.document().rootFrame().setFrameFormat(frame)
        fit_pictures(self.document(), text, self.devicePixelRatioF())
        whole.endEditBlock()


def _airy(markdown: str) -> str:
    """Give keys some room within their frames: a text browser knows no padding."""
    return re.sub(r"<kbd>(.+?)</kbd>", "<kbd>\u202f\\1\u202f</kbd>", markdown)


def _font() -> QFont:
    made = theme.font()
    made.setPixelSize(_TEXT)
    return made


def dress(document: QTextDocument, found: tuple[pages.Section, ...]) -> dict[str, int]:
    """Give a document read from Markdown the looks of the program; return where its sections begin (by slug)."""
    places: dict[str, int] = {}
    headings = iter(found)
    block = document.begin()
    after_picture = False
    while block.isValid():
        level = block.blockFormat().headingLevel()
        if level:
            section = next(headings, None)
            if section is not None:
                places[section.slug] = block.position()
        _dress_block(block, level, caption=after_picture and _is_slanted(block))
        after_picture = _is_picture(block)
        block = block.next()
    _dress_tables(document.rootFrame())
    return places


def _dress_block(block: QTextBlock, level: int, *, caption: bool) -> None:
    cursor = QTextCursor(block)
    shape = QTextBlockFormat(block.blockFormat())
    in_table, in_list, code = cursor.currentTable() is not None, block.textList() is not None, _is_code(block)
    if not _is_picture(block):
        shape.setLineHeight(100 if code else 125 if in_table else _LINE, _PROPORTIONAL)
    if level:
        shape.setTopMargin(_ABOVE.get(level, 16))
        shape.setBottomMargin(_BELOW.get(level, 4))
        shape.setLineHeight(120, _PROPORTIONAL)
    elif code:
        shape.setBackground(theme.qcolor("backdrop"))
        # a long command goes on in the next line
        shape.setNonBreakableLines(False)
        shape.setLeftMargin(0)
        shape.setTopMargin(0 if _is_code(block.previous()) else 6)
        shape.setBottomMargin(0 if _is_code(block.next()) else 14)
    elif _is_quote(block):
        # what the program said
        shape.setBackground(theme.qcolor("backdrop"))
        shape.setLeftMargin(0)
        shape.setRightMargin(0)
        shape.setTopMargin(14)
        shape.setBottomMargin(4)
    elif not in_table:
        shape.setTopMargin(0 if caption else 3)
        shape.setBottomMargin(18 if caption else 4 if in_list else 14 if _is_picture(block) else 10)
    cursor.setBlockFormat(shape)
    if level:
        _size(block, _SIZES.get(level, _TEXT), "text_bright")
    elif caption:
        _size(block, 13, "muted")
    elif _is_quote(block):
        _size(block, _TEXT, "text_bright")
    _dress_words(block, code=code)


def _size(block: QTextBlock, pixels: int, color: str) -> None:
    for position, length, shape in _fragments(block):
        made = QTextCharFormat(shape)
        # a heading of Markdown is larger by steps, which would win
        made.clearProperty(QTextFormat.Property.FontSizeAdjustment)
        made.setProperty(QTextFormat.Property.FontPixelSize, pixels)
        made.setForeground(theme.qcolor(color))
        cursor = QTextCursor(block.document())
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.setCharFormat(made)


def _fragments(block: QTextBlock) -> list[tuple[int, int, QTextCharFormat]]:
    """Return place, length and looks of the pieces of a block."""
    found = []
    walk = block.begin()
    while not walk.atEnd():
        fragment = walk.fragment()
        found.append((fragment.position(), fragment.length(), fragment.charFormat()))
        walk += 1
    return found


def _dress_words(block: QTextBlock, *, code: bool) -> None:
    """Give links, keys and words of the command line their colours."""
    for position, length, shape in _fragments(block):
        made = QTextCharFormat()
        if shape.isAnchor():
            made.setForeground(theme.qcolor("accent_bright"))
            made.setFontUnderline(False)
        elif code or shape.fontFixedPitch():
            made.setFontFamilies(["DejaVu Sans Mono", "Consolas", "Menlo", "monospace"])
            made.setProperty(QTextFormat.Property.FontPixelSize, 13)
            made.setForeground(theme.qcolor("text_bright"))
            if not code:
                made.setBackground(theme.qcolor("backdrop"))
        elif shape.fontFamilies():
            # what stood in <kbd>
            made.setFontFamilies(theme.font().families())
            made.setProperty(QTextFormat.Property.FontPixelSize, 13)
            made.setFontWeight(QFont.Weight.DemiBold)
            made.setForeground(theme.qcolor("text_bright"))
            made.setBackground(QColor(theme.color("raised_hover")))
        else:
            continue
        cursor = QTextCursor(block.document())
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(made)


def _dress_tables(frame: QTextFrame) -> None:
    for child in frame.childFrames():
        if isinstance(child, QTextTable):
            shape = child.format().toTableFormat()
            shape.setBorderCollapse(True)
            shape.setBorder(1)
            shape.setBorderBrush(theme.qcolor("line"))
            shape.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            shape.setCellPadding(7)
            shape.setCellSpacing(0)
            shape.setTopMargin(6)
            shape.setBottomMargin(16)
            shape.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
            child.setFormat(shape)
            for column in range(child.columns()):
                cell = child.cellAt(0, column)
                head = QTextCharFormat(cell.format())
                head.setBackground(theme.qcolor("backdrop"))
                cell.setFormat(head)


def _is_code(block: QTextBlock) -> bool:
    return bool(block.blockFormat().nonBreakableLines()) or block.blockFormat().hasProperty(
        QTextFormat.Property.BlockCodeFence
    )


def _is_quote(block: QTextBlock) -> bool:
    return block.blockFormat().hasProperty(QTextFormat.Property.BlockQuoteLevel)


def _is_picture(block: QTextBlock) -> bool:
    walk = block.begin()
    return not walk.atEnd() and walk.fragment().charFormat().isImageFormat()


def _is_slanted(block: QTextBlock) -> bool:
    walk = block.begin()
    return not walk.atEnd() and walk.fragment().charFormat().fontItalic()


def fit_pictures(document: QTextDocument, room: int, ratio: float = 1.0) -> None:
    """Show pictures as large as they are, or as wide as the text; ``ratio`` is that of the screen's pixels."""
    block = document.begin()
    while block.isValid():
        if _is_picture(block):
            fragment = block.begin().fragment()
            shape = fragment.charFormat().toImageFormat()
            picture = QPixmap(str(pages.GUIDE / shape.name()))
            if not picture.isNull():
                width = min(room - _indent(block), picture.width())
                height = round(picture.height() * width / picture.width())
                shape.setWidth(width)
                shape.setHeight(height)
                # drawn smaller by the text itself, small words would break up
                size = (picture.size() if width == picture.width() else QSize(width, height)) * ratio
                drawn = picture.scaled(size, mode=Qt.TransformationMode.SmoothTransformation)
                place = document.baseUrl().resolved(QUrl(shape.name()))
                document.addResource(QTextDocument.ResourceType.ImageResource.value, place, drawn)
                cursor = QTextCursor(document)
                cursor.setPosition(fragment.position())
                cursor.setPosition(fragment.position() + 1, QTextCursor.MoveMode.KeepAnchor)
                cursor.setCharFormat(shape)
        block = block.next()


def _indent(block: QTextBlock) -> int:
    """Return by how many px a block stands further in than the text: what belongs to an item of a list."""
    steps, items = block.blockFormat().indent(), block.textList()
    if items is not None:
        steps += items.format().indent()
    return round(steps * block.document().indentWidth())
