"""The labels: colour, name, how much of each there is, key; click to draw with one, drag to put in order."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QDialog, QScrollArea, QWidget

from core.labels import BRAIN, LabelSet
from core.messages import text
from gui import theme
from gui.annotate.amounts import amount
from gui.annotate.label_menu import LabelMenu
from gui.annotate.label_row import HEIGHT, LabelRow
from gui.dialogs.questions import Question
from gui.icons import icon
from gui.session import Session

MOST_ROWS = 6


class LabelsPanel(QWidget):
    """All labels, a button for one more and a menu for the rest."""

    add_asked = Signal()
    change_asked = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.rows: list[LabelRow] = []
        self._built: tuple[object, ...] = ()
        self._inner = QWidget()
        self._rows_lay = theme.column(self._inner, gap=1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inner)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.add = theme.button(text("annotate.add_label"))
        self.add.clicked.connect(self.add_asked)
        self.more = theme.button("", tip=text("annotate.label_more"))
        self.more.setIcon(icon("more", "muted"))
        self.more.setAccessibleName(text("annotate.label_more"))
        self.more.setFixedWidth(36)
        self.more.clicked.connect(self._show_more)
        lay = theme.column(self, gap=6)
        lay.addWidget(theme.section(text("annotate.labels"), self._scroll))
        line = theme.row(gap=6)
        line.addWidget(self.add, 1)
        line.addWidget(self.more)
        lay.addLayout(line)
        # volumes change with every stroke; three times a second is plenty for figures
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._later.timeout.connect(self._measure)
        session.labels_changed.connect(self._refresh)
        session.label_changed.connect(self._refresh)
        session.scan_changed.connect(self._measure)
        session.mask_changed.connect(self._mask_changed)
        session.project_changed.connect(self._refresh)
        self._rebuild()

    def rehearse(self) -> None:
        """Draw the icons of a row, so that the first project's labels need not wait for them."""
        (brain,) = LabelSet().with_label(BRAIN)
        LabelRow(brain, current=True, visible=True, can_change=True).deleteLater()

    def _wanted(self) -> tuple[object, ...]:
        """Return all that the rows show, but for the amounts."""
        session = self._session
        chosen = session.label.name if session.label is not None else ""
        return (tuple(session.labels), chosen, frozenset(session.hidden), session.read_only)

    @Slot()
    def _refresh(self) -> None:
        # labels, the chosen one and the project are told of one after the other: the rows are made once
        if self._wanted() == self._built:
            self._measure()
        else:
            self._rebuild()

    def _rebuild(self) -> None:
        self._built = self._wanted()
        for row in self.rows:
            self._rows_lay.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = []
        chosen = self._session.label
        for label in self._session.labels:
            current = chosen is not None and label.name == chosen.name
            visible = label.name not in self._session.hidden
            row = LabelRow(label, current=current, visible=visible, can_change=not self._session.read_only)
            row.chosen.connect(self._session.choose_label)
            row.shown.connect(self._session.show_label)
            row.change_asked.connect(self.change_asked)
            row.locked.connect(self._lock)
            row.menu_asked.connect(self.show_menu)
            row.dragged.connect(self._drag)
            row.dropped.connect(self._drop)
            row.moved.connect(self._move)
            self._rows_lay.addWidget(row)
            self.rows.append(row)
        height = min(max(len(self.rows), 1), MOST_ROWS) * (HEIGHT + 1)
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

    # ------------------------------------------------------------ changes

    @Slot(str, QPoint)
    def show_menu(self, name: str, place: QPoint) -> None:
        """Show what can be done with a label."""
        menu = LabelMenu(self._session, name, self)
        menu.change_asked.connect(self.change_asked)
        menu.add_asked.connect(self.add_asked)
        menu.delete_asked.connect(self._ask_delete)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    @Slot()
    def _show_more(self) -> None:
        label = self._session.label
        below = self.more.mapToGlobal(QPoint(0, self.more.height()))
        self.show_menu(label.name if label is not None else "", below)

    @Slot(str)
    def _ask_delete(self, name: str) -> None:
        """Ask once if it is drawn anywhere; it can be undone, but it concerns all scans."""
        project = self._session.project
        scans = project.scans_with_label(self._session.labels.named(name)) if project is not None else 0
        if scans:
            words = text("dialogs.label_delete", name=name, count=scans)
            question = Question(text("dialogs.label_delete_title", name=name), words, text("dialogs.delete"), self)
            answer = question.exec()
            question.deleteLater()
            if answer != QDialog.DialogCode.Accepted:
                return
        self._session.labeller.delete(name)

    @Slot(str, bool)
    def _lock(self, name: str, locked: bool) -> None:
        self._store(self._session.labels.with_changed(name, locked=locked))

    @Slot(str, int)
    def _move(self, name: str, by: int) -> None:
        labels = self._session.labels
        self._store(labels.moved(name, labels.labels.index(labels.named(name)) + by))
        for row in self.rows:
            if row.label.name == name:
                row.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(str, int)
    def _drag(self, name: str, y: int) -> None:
        """Let the row follow the pointer, the others make room."""
        place = (self._inner.mapFromGlobal(QPoint(0, y)).y()) // (HEIGHT + 1)
        row = next(row for row in self.rows if row.label.name == name)
        place = min(max(place, 0), len(self.rows) - 1)
        if self.rows.index(row) != place:
            self.rows.remove(row)
            self.rows.insert(place, row)
            self._rows_lay.removeWidget(row)
            self._rows_lay.insertWidget(place, row)
        self._scroll.ensureWidgetVisible(row, 0, 4)

    @Slot(str)
    def _drop(self, name: str) -> None:
        names = [row.label.name for row in self.rows]
        labels = self._session.labels
        if names == [label.name for label in labels]:
            self._rebuild()
            return
        self._store(labels.moved(name, names.index(name)))

    def _store(self, labels: LabelSet) -> None:
        if not self._session.notifier.attempt(lambda: self._session.change_labels(labels)):
            self._rebuild()
