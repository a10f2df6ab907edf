"""The labels: colour, name, how much of each there is, key; click to draw with one."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QMenu, QScrollArea, QToolButton, QWidget

from core.labels import Label
from core.messages import text
from gui import theme
from gui.icons import icon
from gui.session import Session

_ROW = 32


def amount(voxels: int, voxel_ml: float, *, in_ml: bool) -> str:
    """Word how much there is of a label: mL, or px where the spacing is unknown."""
    if not in_ml:
        return text("annotate.pixels", count=f"{voxels:,}".replace(",", "\u202f"))
    ml = voxels * voxel_ml
    return text("annotate.ml", amount=f"{ml:,.1f}".replace(",", "\u202f"))


class LabelRow(QWidget):
    """One label."""

    chosen = Signal(str)
    shown = Signal(str, bool)
    change_asked = Signal(str)

    def __init__(self, label: Label, *, current: bool, visible: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label = label
        self.current = current
        self.amount = ""
        self.visible_mask = visible
        self.setFixedHeight(_ROW)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(label.name)
        self.setToolTip(text("annotate.label_tip", name=label.name, layer=label.layer))
        self.eye = QToolButton(self)
        self.eye.setIcon(icon("eye" if visible else "eye-off", "muted" if visible else "faint"))
        self.eye.setIconSize(QSize(16, 16))
        self.eye.setFixedSize(26, 26)
        self.eye.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.eye.setToolTip(text("annotate.label_hide" if visible else "annotate.label_show", name=label.name))
        self.eye.clicked.connect(self._toggle)
        lay = theme.row(self)
        lay.setContentsMargins(0, 0, 3, 0)
        lay.addStretch()
        lay.addWidget(self.eye)

    def set_amount(self, words: str) -> None:
        """Show how much there is."""
        if words != self.amount:
            self.amount = words
            self.update()

    @Slot()
    def _toggle(self) -> None:
        self.shown.emit(self.label.name, not self.visible_mask)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 1, -0.5, -1)
        if self.current or self.underMouse() or self.hasFocus():
            path = QPainterPath()
            path.addRoundedRect(area, theme.space("radius"), theme.space("radius"))
            painter.fillPath(path, theme.qcolor("accent_soft") if self.current else theme.qcolor("raised", 130))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.label.color))
        painter.drawRoundedRect(QRectF(8, area.center().y() - 6.5, 13, 13), 3.5, 3.5)
        painter.setPen(theme.qcolor("text_bright" if self.current else "text"))
        painter.setFont(theme.font())
        key_left = int(area.right()) - 52
        key = self.label.key
        if key:
            painter.setPen(theme.qcolor("faint"))
            painter.drawText(QRectF(key_left, area.top(), 20, area.height()), Qt.AlignmentFlag.AlignCenter, key)
        metrics = painter.fontMetrics()
        wide = metrics.horizontalAdvance(self.amount)
        painter.setPen(theme.qcolor("muted"))
        right = QRectF(key_left - wide - 6, area.top(), wide + 2, area.height())
        painter.drawText(right, Qt.AlignmentFlag.AlignVCenter, self.amount)
        room = int(right.left()) - 30 - 8
        painter.setPen(theme.qcolor("text_bright" if self.current else "text"))
        name = metrics.elidedText(self.label.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(30, area.top(), room, area.height()), Qt.AlignmentFlag.AlignVCenter, name)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.label.name)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.change_asked.emit(self.label.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.label.name)
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        change = menu.addAction(text("annotate.label_change"))
        change.triggered.connect(self._ask_change)
        menu.exec(event.globalPos())
        menu.deleteLater()

    @Slot()
    def _ask_change(self) -> None:
        self.change_asked.emit(self.label.name)


class LabelsPanel(QWidget):
    """All labels and a button for one more."""

    add_asked = Signal()
    change_asked = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: list[LabelRow] = []
        self._inner = QWidget()
        self._rows_lay = theme.column(self._inner, gap=1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.add = theme.button(text("annotate.add_label"))
        self.add.clicked.connect(self.add_asked)
        lay = theme.column(self, gap=6)
        lay.addWidget(theme.section(text("annotate.labels"), self._scroll))
        lay.addWidget(self.add)
        # volumes change with every stroke; three times a second is plenty for figures
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._later.timeout.connect(self._measure)
        session.labels_changed.connect(self._rebuild)
        session.label_changed.connect(self._rebuild)
        session.scan_changed.connect(self._measure)
        session.mask_changed.connect(self._mask_changed)
        session.project_changed.connect(self._rebuild)
        self._rebuild()

    @Slot()
    def _rebuild(self) -> None:
        for row in self.rows:
            self._rows_lay.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        chosen = self._session.label
        for label in self._session.labels:
            current = chosen is not None and label.name == chosen.name
            row = LabelRow(label, current=current, visible=label.name not in self._session.hidden)
            row.chosen.connect(self._session.choose_label)
            row.shown.connect(self._session.show_label)
            row.change_asked.connect(self.change_asked)
            self._rows_lay.addWidget(row)
            self.rows.append(row)
        height = min(max(len(self.rows), 1), 6) * (_ROW + 1)
        self._scroll.setFixedHeight(height)
        self.add.setEnabled(not self._session.read_only)
        self._measure()

    @Slot(object)
    def _mask_changed(self, _change: object) -> None:
        if not self._later.isActive():
            self._later.start()

    @Slot()
    def _measure(self) -> None:
        editor, volume = self._session.editor, self._session.volume
        for row in self.rows:
            if editor is None or volume is None:
                row.set_amount("")
                continue
            in_ml = volume.geometry.measurable
            ml = volume.geometry.voxel_ml if in_ml else 0.0
            row.set_amount(amount(editor.label_voxels(row.label), ml, in_ml=in_ml))
