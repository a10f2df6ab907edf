"""Edit mask: which operation, its few options, how far it reaches; its outcome is outlined before it is applied."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QWidget,
)

from core.editing.operations import Operation, Order, Where
from core.messages import text
from gui import theme
from gui.actions import Actions
from gui.annotate.fold import Fold, guide_button
from gui.annotate.operations.lengths import USUAL, unchanged, usual_length
from gui.annotate.operations.operator import Operator, Result, other_labels
from gui.decimal_spin import DecimalSpin
from gui.session import Session
from gui.viewer.overlay import Overlay, rgb

_PREVIEW = (244, 247, 252)
_SIZE, _UNIT = 80, 96
_PAUSE_MS = 150
"""Nothing is worked out before a hand has rested so long."""

_O = Operation
_FAR = (Where.SLICE, Where.EACH, Where.SPACE)
_TWO = (Where.SLICE, Where.SPACE)
CHOICES: dict[Operation, tuple[Where, ...]] = {
    _O.INTERPOLATE: (),
    _O.SEEDS: _TWO,
    _O.SMOOTH: _FAR,
    _O.GROW: _FAR,
    _O.SHRINK: _FAR,
    _O.HOLES: _FAR,
    _O.LARGEST: _FAR,
    _O.SMALL: _FAR,
    _O.SPLIT: _TWO,
    _O.ISLAND_KEEP: _TWO,
    _O.ISLAND_DELETE: _TWO,
    _O.UNITE: _TWO,
    _O.SUBTRACT: _TWO,
    _O.INTERSECT: _TWO,
    _O.COPY_NEXT: (),
    _O.COPY_PREVIOUS: (),
    _O.PASTE: (),
    _O.MOVE: _TWO,
    _O.CLEAR_SCRIBBLES: _TWO,
    _O.SUGGEST: _TWO,
    _O.SUGGEST_REGION: _TWO,
}
"""How far each operation may reach, the usual first; none where there is no choice."""
_LENGTHS = (_O.SMOOTH, _O.GROW, _O.SHRINK)
_PAIRS = (_O.UNITE, _O.SUBTRACT, _O.INTERSECT)
_OF_A_SLICE = (_O.HOLES, _O.SUGGEST, _O.SUGGEST_REGION)
_AT = (_O.ISLAND_KEEP, _O.ISLAND_DELETE, _O.SUGGEST_REGION)
_AT_ONCE = (
    _O.INTERPOLATE,
    _O.HOLES,
    _O.LARGEST,
    _O.ISLAND_KEEP,
    _O.ISLAND_DELETE,
    _O.COPY_NEXT,
    _O.COPY_PREVIOUS,
    _O.PASTE,
    _O.SUGGEST,
    _O.SUGGEST_REGION,
)
"""By key or palette these are done at once, with the usual options; others open the panel."""


class OperationsPanel(QWidget):
    """Section at the right of Annotate.

    Parameters
    ----------
    session
        What is open.
    actions
        Those of the operations are bound here.
    operator
        What works them out.
    """

    preview_changed = Signal()
    """:meth:`overlays` are others."""
    opened = Signal()
    """It was opened by a key or the palette: show where it is."""

    def __init__(self, session: Session, actions: Actions, operator: Operator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._actions = actions
        self._operator = operator
        self._result: Result | None = None
        self._order: Order | None = None
        self._make()
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PAUSE_MS)
        self._later.timeout.connect(self._preview)
        self._connect()
        self._scan_changed()

    # ------------------------------------------------------------------ layout

    def _make(self) -> None:
        self.box = QComboBox()
        self.box.setAccessibleName(text("operations.title"))
        self.box.setMaxVisibleItems(20)
        # names of operations may be wider than the panel; the list below is as wide as they need
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(12)
        self.box.addItem(text("operations.choose"), None)
        for operation in CHOICES:
            self.box.addItem(text(f"annotate.steps.{operation.value}"), operation)
        self.box.view().setMinimumWidth(self.box.view().sizeHintForColumn(0) + 2 * theme.space("m"))
        self.where = {place: theme.button(text(f"operations.{place.value}"), "small") for place in _FAR}
        self._wheres = QButtonGroup(self)
        for number, (place, button) in enumerate(self.where.items()):
            button.setCheckable(True)
            button.setToolTip(text(f"operations.{place.value}_tip"))
            self._wheres.addButton(button, number)
        self.where[Where.SLICE].setChecked(True)
        self.amount = DecimalSpin()
        self.amount.setRange(0.1, 99.0)
        self.amount.setDecimals(1)
        self.amount.setSingleStep(0.5)
        self.amount.setValue(USUAL)
        self._began = USUAL
        self.amount.setAccessibleName(text("operations.amount"))
        theme.inset(self.amount)
        self.least = DecimalSpin()
        self.least.setRange(0.1, 999_999.0)
        self.least.setFixedWidth(_SIZE)
        self.least.setAccessibleName(text("operations.least"))
        theme.inset(self.least)
        self.size_unit = QComboBox()
        self.size_unit.setAccessibleName(text("operations.least_unit"))
        self.size_unit.setFixedWidth(_UNIT)
        self.most = QSpinBox()
        self.most.setRange(2, 50)
        self.most.setValue(8)
        self.most.setAccessibleName(text("operations.most"))
        theme.inset(self.most)
        self.other = QComboBox()
        self.other.setAccessibleName(text("operations.other"))
        self.by_values = QCheckBox(text("operations.by_values"))
        self.by_values.setChecked(True)
        self.by_values.setToolTip(text("operations.by_values_tip"))
        self.down, self.right = (_pixels(text(f"operations.{name}")) for name in ("down", "right"))
        self.words = theme.label("", "muted", wrap=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.apply = theme.button(text("operations.apply"))
        self.cancel = theme.button(text("operations.cancel"))

    def _lay_out(self) -> None:
        self.options = QWidget()
        self.options.setProperty("area", "clear")
        inner = theme.column(self.options, gap=6)
        self.where_row = _line(*self.where.values())
        self.amount_row, self.amount_words = _row(text("operations.amount"), self.amount)
        self.size_row, _ = _row(text("operations.least"), self.least, self.size_unit)
        self.most_row, _ = _row(text("operations.most"), self.most)
        self.other_row, self.other_words = _row(text("operations.other"), self.other)
        self.move_row = _line(theme.label(text("operations.down"), "muted"), self.down)
        self.right_row = _line(theme.label(text("operations.right"), "muted"), self.right)
        rows = (self.amount_row, self.size_row, self.most_row, self.other_row, self.by_values)
        for widget in (*rows, self.move_row, self.right_row):
            inner.addWidget(widget)
        inner.addWidget(self.where_row)
        inner.addWidget(self.words)
        inner.addWidget(self.bar)
        inner.addWidget(_line(self.cancel, self.apply))
        self.fold = Fold(text("operations.title"), "operations", self._session.settings, self.box, self.options)
        self.guide = guide_button()
        self.guide.clicked.connect(self._ask_guide)
        self.fold.line.addWidget(self.guide)
        theme.column(self).addWidget(self.fold)
        # asked for by a key: what it asks must be seen
        self.opened.connect(self.fold.open)

    def _connect(self) -> None:
        self.box.activated.connect(self._chosen)
        self._wheres.idClicked.connect(self._changed)
        self.amount.valueChanged.connect(self._changed)
        self.least.valueChanged.connect(self._changed)
        self.size_unit.activated.connect(self._unit_chosen)
        self.most.valueChanged.connect(self._changed)
        self.other.activated.connect(self._changed)
        self.by_values.toggled.connect(self._changed)
        self.down.valueChanged.connect(self._changed)
        self.right.valueChanged.connect(self._changed)
        self.apply.clicked.connect(self._apply)
        self.cancel.clicked.connect(self.close_options)
        session, operator = self._session, self._operator
        session.scan_changed.connect(self._scan_changed)
        session.labels_changed.connect(self._labels_changed)
        session.label_changed.connect(self._labels_changed)
        session.overlay_changed.connect(self._changed)
        session.mask_changed.connect(self._changed)
        operator.worked_out.connect(self._worked_out)
        operator.refused.connect(self._refused)
        operator.progressed.connect(self._progressed)
        operator.applied.connect(self._applied)
        operator.ended.connect(self._ended)
        operator.copied.connect(self._changed)
        session.predictions_changed.connect(self._changed)
        session.scan_loading.connect(self._changed)
        for operation in CHOICES:
            self._actions.bind(f"edit_{operation.value}", self._asked)
        self._actions.bind("edit_copy", operator.copy)

    # ---------------------------------------------------------------- choosing

    @property
    def operation(self) -> Operation | None:
        """The operation that is chosen, None while the panel is shut."""
        found = self.box.currentData()
        return Operation(found) if found is not None else None

    def choose(self, operation: Operation | None) -> None:
        """Show an operation with its options; None shuts the panel."""
        self.box.setCurrentIndex(0 if operation is None else self.box.findData(operation))
        self._chosen()

    @Slot()
    def _asked(self) -> None:
        action = self.sender()
        operation = Operation(action.objectName().removeprefix("edit_")) if action is not None else None
        if operation in _AT_ONCE:
            self.choose(None)
            self._operator.do(operation, where=self._usual(operation))
        else:
            self.choose(operation)
            self.opened.emit()

    def _usual(self, operation: Operation) -> Where:
        volume = self._session.volume
        flat = volume is None or volume.is_picture or not CHOICES[operation]
        return Where.SLICE if flat or operation in _OF_A_SLICE else Where.SPACE

    @Slot()
    def _ask_guide(self) -> None:
        operation = self.operation
        self._session.guide_asked.emit("edit" if operation is None else f"edit_{operation.value}")

    @Slot()
    def close_options(self) -> None:
        """Give up what is being prepared."""
        self._operator.stop()
        self.choose(None)

    @Slot()
    def _chosen(self) -> None:
        operation = self.operation
        focused = QApplication.focusWidget()
        if operation is None and focused is not None and self.options.isAncestorOf(focused):
            # else the next button, the guide's, would have the keys
            focused.clearFocus()
        self.options.setVisible(operation is not None)
        self._forget()
        if operation is None:
            self._later.stop()
            return
        volume = self._session.volume
        choices = () if volume is not None and volume.is_picture else CHOICES[operation]
        self.where_row.setVisible(bool(choices))
        for place, button in self.where.items():
            button.setVisible(place in choices)
        if self._place() not in choices:
            self.where[Where.SLICE].setChecked(True)
        self.amount_row.setVisible(operation in _LENGTHS)
        self.size_row.setVisible(operation is Operation.SMALL)
        self.most_row.setVisible(operation is Operation.SPLIT)
        self.other_row.setVisible(operation in (*_PAIRS, Operation.SEEDS))
        key = "operations.background" if operation is Operation.SEEDS else "operations.other"
        self.other_words.setText(text(key))
        self.by_values.setVisible(operation is Operation.INTERPOLATE)
        for row in (self.move_row, self.right_row):
            row.setVisible(operation is Operation.MOVE)
        self.other.setAccessibleName(text(key))
        self._fill_labels()
        self._changed()

    def _place(self) -> Where:
        return _FAR[max(0, self._wheres.checkedId())]

    def _fill_labels(self) -> None:
        # seeds begin with what was scribbled, whatever label an operation before was about
        fresh = self.operation is Operation.SEEDS and self.other.findData("") < 0
        kept = "" if fresh else self.other.currentData()
        self.other.clear()
        label = self._session.label
        if self.operation is Operation.SEEDS:
            self.other.addItem(text("operations.background_none"), "")
        for one in other_labels(self._session, label):
            on_layer = label is not None and one.layer == label.layer
            if self.operation in (Operation.SUBTRACT, Operation.INTERSECT) and on_layer:
                continue
            if self.operation is Operation.SEEDS and not on_layer:
                continue
            self.other.addItem(one.name, one.name)
        self.other.setCurrentIndex(max(0, self.other.findData(kept)))

    # ----------------------------------------------------------------- preview

    def overlays(self) -> list[Overlay]:
        """Return the outline of what it would become, to be drawn over the scan."""
        result, volume = self._result, self._session.volume
        if result is None or volume is None or result.after.shape != volume.shape:
            return []
        colors = {1: _PREVIEW} | {value: rgb(color) for value, color in result.colors.items()}
        return [Overlay(result.after, colors, 0.0, True, True)]

    def slice_changed(self) -> None:
        """Another slice is shown, or the crosshair moved: what is done there is done at the new place."""
        order = self._order
        if order is None or order.where is Where.SLICE or order.operation in _AT:
            self._changed()

    @Slot()
    def view_changed(self) -> None:
        """Another pane is worked in, or the planes lie another way on the screen."""
        self._changed()

    @Slot()
    def _changed(self) -> None:
        if self.operation is not None and not self._operator.applying:
            self._operator.stop()
            self._forget()
            self._later.start()

    @Slot()
    def _labels_changed(self) -> None:
        if self.operation is not None:
            self._fill_labels()
            self._changed()

    @Slot()
    def _scan_changed(self) -> None:
        volume = self._session.volume
        geometry = volume.geometry if volume is not None else None
        in_mm = geometry is None or geometry.spacing_known
        self.amount.setSuffix(" mm" if in_mm else " px")
        usual = usual_length(geometry)
        # what somebody set stays, unless it reaches no pixel here
        if self.amount.value() == self._began or self.amount.value() < usual:
            self.amount.setValue(usual)
        self._began = usual
        self.size_unit.clear()
        if geometry is None or geometry.measurable:
            self.size_unit.addItem("mm³", "mm3")
        self.size_unit.addItem(text("operations.voxels"), "voxels")
        self._unit_chosen()
        self.box.setEnabled(self._session.can_edit)
        self.choose(None)

    @Slot()
    def _unit_chosen(self) -> None:
        """A size that is usual in this unit: 100 mm³ is a bleed nobody means, 20 voxels a slip of the brush."""
        in_mm = self.size_unit.currentData() == "mm3"
        self.least.blockSignals(True)
        self.least.setDecimals(1 if in_mm else 0)
        self.least.setMinimum(0.1 if in_mm else 1)
        self.least.setValue(100 if in_mm else 20)
        self.least.blockSignals(False)
        self._changed()

    def _make_order(self) -> Order | None:
        operation = self.operation
        if operation is None:
            return None
        volume = self._session.volume
        geometry = volume.geometry if volume is not None else None
        options: dict[str, Any] = {"where": self._place(), "by_values": self.by_values.isChecked()}
        if operation is Operation.SMALL:
            options |= {"amount": self.least.value(), "unit": self.size_unit.currentData()}
        elif operation is Operation.SPLIT:
            options["most"] = self.most.value()
        elif operation in _LENGTHS:
            options |= {"amount": self.amount.value(), "unit": geometry.unit if geometry else "px"}
        elif operation is Operation.MOVE:
            options["shift"] = (self.down.value(), self.right.value())
        if operation in _AT:
            # the pointer is on its way to this panel: what is meant is where the crosshair stands
            x, y, z = self._operator.crosshair
            options["at"] = (z, y, x)
        name = self.other.currentData()
        options["other"] = self._session.labels.find(name) if name else None
        return self._operator.order(operation, **options)

    @Slot()
    def _preview(self) -> None:
        editor = self._session.editor
        if editor is None or self.operation is None or self._operator.applying:
            return
        if editor.stroking:
            # a stroke that changes nothing in the end is told of by nobody
            self._later.start()
            return
        self._order = self._make_order()
        if self._order is None:
            self._say(self._operator.reason(), warns=True)
        else:
            self._operator.preview(self._order)

    @Slot(object)
    def _worked_out(self, result: Result) -> None:
        if result.job.order is not self._order:
            return
        self._result = result
        words = text("operations.outcome", **self._figures(result))
        if not result.replacement.layers:
            volume = self._session.volume
            words = unchanged(result.job.order, volume.geometry if volume is not None else None)
        elif result.job.order.operation is Operation.CLEAR_SCRIBBLES:
            words = text("operations.scribbles", name=result.job.order.label.name)
        if result.note is not None:
            words = text(f"operations.{result.note.key}", **result.note.fields)
        self._say(words)
        self.preview_changed.emit()

    def _figures(self, result: Result) -> dict[str, Any]:
        return {"name": result.job.order.label.name, "added": result.added, "removed": result.removed}

    @Slot(str)
    def _refused(self, words: str) -> None:
        if self.operation is not None:
            self._say(words, warns=True)

    def _say(self, words: str, *, warns: bool = False) -> None:
        self.words.setText(words)
        theme.set_role(self.words, "warning" if warns else "muted")
        self.apply.setEnabled(not warns)

    def _forget(self) -> None:
        """What was worked out no longer holds."""
        shown = self._result is not None
        self._result = self._order = None
        self._say(text("operations.working") if self.operation is not None else "")
        if shown:
            self.preview_changed.emit()

    @Slot(int, int)
    def _progressed(self, done: int, total: int) -> None:
        # hidden it would move the buttons
        self.bar.setRange(0, max(total, 1) if total != 1 else 0)
        self.bar.setValue(done)
        if not total:
            self.bar.reset()

    # ------------------------------------------------------------------- apply

    @Slot()
    def _apply(self) -> None:
        self._later.stop()
        order = self._order or self._make_order()
        if order is None:
            self._say(self._operator.reason(), warns=True)
            return
        result, self._result = self._result, None
        self._operator.apply(order, result)
        if result is not None:
            # what changes nothing is told of by nobody else: its outline would stay
            self.preview_changed.emit()

    @Slot(object)
    def _applied(self, order: Order) -> None:
        if self.operation is order.operation:
            self.choose(None)

    @Slot()
    def _ended(self) -> None:
        """Something was put in or refused: meanwhile nothing was prepared, and what was is out of date."""
        if not self._later.isActive():
            self._changed()


def _pixels(name: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(-999, 999)
    made.setSuffix(" px")
    made.setAccessibleName(name)
    theme.inset(made)
    return made


def _line(*widgets: QWidget) -> QWidget:
    made = QWidget()
    made.setProperty("area", "clear")
    inner: QLayout = theme.row(made, gap=6)
    for widget in widgets:
        inner.addWidget(widget)
        if isinstance(widget, QPushButton):
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def _row(words: str, *widgets: QWidget) -> tuple[QWidget, QLabel]:
    told = theme.label(words, "muted")
    return _line(told, *widgets), told
