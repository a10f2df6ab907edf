"""Whether all that a window says has room: every text that is shown is measured against its widget."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QToolButton,
    QWidget,
)

from gui.annotate.option_bar import HintLabel

ROUNDING = 1
"""Pixels that a layout may take by rounding."""


def cut_off(root: QWidget) -> list[str]:
    """Return what does not fit, a line each: the kind, the words, and how much room they have and want."""
    found = []
    for widget in [root, *root.findChildren(QWidget)]:
        if not widget.isVisibleTo(root) or not widget.width():
            continue
        found += [f"{type(widget).__name__} “{words}”: {has} of {wants}" for words, has, wants in _faults(widget)]
        words = said(widget)
        parent = widget.parentWidget()
        if words and widget is not root and parent is not None and _leaves(widget, parent):
            right = widget.geometry().right() + 1
            found.append(
                f"{type(widget).__name__} “{words}” leaves {type(parent).__name__}: {right} of {parent.width()}"
            )
    return found


def said(widget: QWidget) -> str:
    """Return the words of a widget that has words of its own."""
    if isinstance(widget, QLabel | QAbstractButton):
        return widget.text()
    return widget.currentText() if isinstance(widget, QComboBox) else ""


def _beyond(area: QScrollArea) -> list[tuple[str, int, int]]:
    """What is scrolled up and down only must not have words beyond its right edge."""
    content, view = area.widget(), area.viewport()
    if content is None or area.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff:
        return []
    shown = [one for one in content.findChildren(QWidget) if one.isVisibleTo(area) and said(one)]
    ends = [(said(one), view.width(), one.mapTo(view, one.rect().topRight()).x() + 1) for one in shown]
    return [(words, has, wants) for words, has, wants in ends if wants > has + ROUNDING]


def _leaves(widget: QWidget, parent: QWidget) -> bool:
    """Whether a widget is cut by its parent; what a scroll area holds can be scrolled to."""
    holder = parent.parentWidget()
    if isinstance(holder, QAbstractScrollArea) or parent.isWindow():
        return False
    return widget.geometry().right() > parent.width() - 1 + ROUNDING


def _faults(widget: QWidget) -> list[tuple[str, int, int]]:
    """Return the words of one widget that do not fit, with the room there is and the room they want."""
    if isinstance(widget, HintLabel):
        # leaves out whole hints by itself
        return [] if widget.shown else [(widget.text(), widget.width(), 0)]
    if isinstance(widget, QScrollArea):
        return _beyond(widget)
    if isinstance(widget, QLabel):
        return _label(widget)
    if isinstance(widget, QToolButton) and widget.property("kind") == "rail":
        # its padding is none of its words
        wants = QFontMetrics(widget.font()).horizontalAdvance(widget.text())
        return [(widget.text(), widget.width(), wants)] if wants > widget.width() else []
    if isinstance(widget, QPushButton | QCheckBox | QRadioButton) or (
        isinstance(widget, QToolButton) and _worded(widget)
    ):
        short = widget.text() and widget.sizeHint().width() > widget.width() + ROUNDING
        return [(widget.text(), widget.width(), widget.sizeHint().width())] if short else []
    if isinstance(widget, QComboBox) and not widget.isEditable():
        return _combo(widget)
    if isinstance(widget, QAbstractSpinBox):
        line = widget.lineEdit()
        return _line(line.text(), line)
    if isinstance(widget, QLineEdit) and not isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox):
        return _line(widget.placeholderText(), widget)
    if isinstance(widget, QHeaderView) and widget.orientation() == Qt.Orientation.Horizontal:
        return _header(widget)
    if isinstance(widget, QTabBar):
        wants = [(widget.tabText(place), widget.tabRect(place).width(), place) for place in range(widget.count())]
        return [(words, has, _width(widget, words)) for words, has, _ in wants if _width(widget, words) > has]
    return []


def _worded(button: QToolButton) -> bool:
    style = button.toolButtonStyle()
    return bool(button.text()) and not (
        style == Qt.ToolButtonStyle.ToolButtonIconOnly
        and (not button.icon().isNull() or button.arrowType() != Qt.ArrowType.NoArrow)
    )


def _width(widget: QWidget, words: str) -> int:
    return max((QFontMetrics(widget.font()).horizontalAdvance(line) for line in words.splitlines()), default=0)


def _label(label: QLabel) -> list[tuple[str, int, int]]:
    words = label.text()
    if not words or label.textFormat() == Qt.TextFormat.RichText or words.startswith("<"):
        return []
    if label.wordWrap():
        wants = label.heightForWidth(label.width())
        high = [(words, label.height(), wants)] if wants > label.height() + ROUNDING else []
        longest = max(words.split(), key=len, default="")
        wide = _width(label, longest)
        return high or (
            [(longest, label.contentsRect().width(), wide)] if wide > label.contentsRect().width() + ROUNDING else []
        )
    wants, has = _width(label, words), label.contentsRect().width()
    return [(words, has, wants)] if wants > has + ROUNDING else []


def _combo(box: QComboBox) -> list[tuple[str, int, int]]:
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    part = QStyle.SubControl.SC_ComboBoxEditField
    has = box.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, box).width()
    if not box.itemIcon(box.currentIndex()).isNull():
        has -= box.iconSize().width() + 4
    wants = _width(box, box.currentText())
    return [(box.currentText(), has, wants)] if wants > has + ROUNDING else []


def _line(words: str, line: QLineEdit) -> list[tuple[str, int, int]]:
    margins = line.textMargins()
    has = line.contentsRect().width() - margins.left() - margins.right() - 4
    wants = _width(line, words)
    return [(words, has, wants)] if wants > has + ROUNDING else []


def _header(header: QHeaderView) -> list[tuple[str, int, int]]:
    found = []
    model = header.model()
    for place in range(header.count()):
        if header.isSectionHidden(place) or model is None:
            continue
        words = str(model.headerData(place, Qt.Orientation.Horizontal) or "")
        wants = _width(header, words) + 8
        if wants > header.sectionSize(place) + ROUNDING:
            found.append((words, header.sectionSize(place), wants))
    return found
