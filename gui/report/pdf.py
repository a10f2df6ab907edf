"""HTML onto A4 pages by Qt's printing; works in any thread and without a screen."""

from __future__ import annotations

import os

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPageLayout, QPageSize, QPainter, QPdfWriter, QTextDocument

from core.errors import InputError
from core.messages import text
from core.version import VERSION

_DPI = 300
_LAYOUT_DPI = 96
_MARGIN_MM = 18.0
_FOOT = 30
"""Height of the line at the foot of a page, in px of the layout."""


def pdf(html: str, title: str) -> bytes:
    """Return a document as PDF.

    Parameters
    ----------
    html
        As :func:`core.review.report_html.html` writes it for Qt.
    title
        Of the document.

    Raises
    ------
    InputError
        ``report-empty`` if Qt cannot paint it.
    """
    held = _application()
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(_DPI)
    writer.setTitle(title)
    writer.setCreator(f"Meninx {VERSION}")
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM * 0.7)
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter
        )
    )
    scale = _DPI / _LAYOUT_DPI
    width, height = writer.width() / scale, writer.height() / scale - _FOOT
    document = QTextDocument()
    document.setDocumentMargin(0)
    font = QFont()
    font.setFamilies(["Inter", "Segoe UI", "Helvetica", "Arial", "DejaVu Sans"])
    font.setPixelSize(13)
    document.setDefaultFont(font)
    document.setHtml(html)
    document.setPageSize(QSizeF(width, height))
    painter = QPainter()
    if not painter.begin(writer):
        raise InputError("report-empty")
    painter.scale(scale, scale)
    pages = document.pageCount()
    for page in range(pages):
        if page:
            writer.newPage()
        painter.save()
        painter.translate(0, -page * height)
        # a hair less than the page: the next one begins with a picture that would show its edge here
        document.drawContents(painter, QRectF(0, page * height, width, height - 1.5))
        painter.restore()
        _foot(painter, QRectF(0, height, width, _FOOT), page + 1, pages)
    painter.end()
    buffer.close()
    del held
    return bytes(content.data())


def _foot(painter: QPainter, place: QRectF, page: int, pages: int) -> None:
    font = QFont()
    font.setFamilies(["Inter", "Segoe UI", "Helvetica", "Arial", "DejaVu Sans"])
    font.setPixelSize(10)
    painter.setFont(font)
    painter.setPen(QColor("#5b6572"))
    low = Qt.AlignmentFlag.AlignBottom
    painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | low), text("app.research_only"))
    words = text("report.page", page=page, pages=pages)
    painter.drawText(place, int(Qt.AlignmentFlag.AlignRight | low), words)


def _application() -> QGuiApplication | None:
    """Return an application for fonts where the program has none yet: the command line has no window."""
    if QGuiApplication.instance() is not None:
        return None
    # no screen is needed to write a file, and none is asked for
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return QGuiApplication([])
