"""The bars above two readers: who is compared in which label, what is made of it, and what is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QButtonGroup, QComboBox, QMenu, QPushButton, QSizePolicy, QWidget

from core.messages import text
from gui import theme
from gui.roomy import FoldingBar

VIEWS = ("scan", "table", "figures")
"""This scan; agreement of all scans; what each reader did."""
CONSENSUS = ("staple", "majority")


class ReadersBar(FoldingBar):
    """First reader, second reader, label; next disagreement, consensus, adjudication."""

    chosen = Signal()
    next_asked = Signal()
    consensus_asked = Signal(str)
    adjudicate_asked = Signal(str)
    """How to begin: ``empty majority staple``, or a reader's name."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(theme.space("option_bar"), 34, theme.space("s"), parent)
        self.first, self.second, self.label = (_combo() for _ in range(3))
        self._label_said = False
        # before all who hear that something was chosen
        self.label.activated.connect(self._label_chosen)
        for box, tip in ((self.first, "first_reader"), (self.second, "second_reader"), (self.label, "label")):
            box.setToolTip(text(f"team.{tip}"))
            box.setAccessibleName(text(f"team.{tip}"))
            # what stands there while nobody can be chosen
            box.setPlaceholderText(text(f"team.{tip}"))
            box.activated.connect(self.chosen)
        self.next = theme.button(text("team.next_difference"), tip=text("team.next_difference_tip"))
        self.next.clicked.connect(self.next_asked)
        self.consensus = theme.button(text("team.consensus"), tip=text("team.consensus_tip"))
        self.consensus.setMenu(self._menu((("majority", "staple"), self._consensus)))
        self.adjudicate = theme.primary_button(text("team.adjudicate"), tip=text("team.adjudicate_tip"))
        self._starts = QMenu(self.adjudicate)
        self._starts.triggered.connect(self._start)
        self.adjudicate.setMenu(self._starts)
        who, acts = self.lines
        who.addWidget(self.first, 3)
        who.addWidget(theme.label(text("team.against"), "muted"))
        who.addWidget(self.second, 3)
        who.addWidget(self.label, 2)
        who.addStretch(0)
        acts.addStretch(1)
        for button in (self.next, self.consensus, self.adjudicate):
            acts.addWidget(button)

    def _menu(self, entries: tuple[tuple[str, ...], object]) -> QMenu:
        menu = QMenu(self)
        for name in entries[0]:
            action = menu.addAction(text(f"team.by_{name}"))
            action.setData(name)
            action.setToolTip(text(f"team.by_{name}_tip"))
        menu.setToolTipsVisible(True)
        menu.triggered.connect(self._consensus)
        return menu

    @Slot(QAction)
    def _consensus(self, action: QAction) -> None:
        self.consensus_asked.emit(str(action.data()))

    @Slot(QAction)
    def _start(self, action: QAction) -> None:
        self.adjudicate_asked.emit(str(action.data()))

    @property
    def label_wanted(self) -> str:
        """The label that somebody has chosen here; empty as long as nobody has."""
        return self.label.currentText() if self._label_said else ""

    @Slot()
    def _label_chosen(self) -> None:
        self._label_said = True

    def show_choices(self, readers: Sequence[str], labels: Sequence[str], first: str, second: str, label: str) -> None:
        """Offer readers and labels, those named chosen."""
        for box, names, name in ((self.first, readers, first), (self.second, readers, second)):
            _fill(box, names, name)
        _fill(self.label, labels, label)
        self.label.setVisible(len(labels) > 1)
        self._starts.clear()
        starts = [(name, text(f"team.from_{name}")) for name in CONSENSUS]
        starts += [(name, text("team.from_reader", reader=name)) for name in readers]
        for key, words in [*starts, ("empty", text("team.from_empty"))]:
            self._starts.addAction(words.replace("&", "&&")).setData(key)

    def allow(self, *, compared: bool, readers: int, together: bool, changes: bool) -> None:
        """Say what is possible now; ``together``: the readers finished a slice together, there is a consensus."""
        self.next.setEnabled(compared)
        self.consensus.setEnabled(together and changes)
        words = text("team.consensus_tip" if together or readers < 2 else "team.consensus_few_tip")
        self.consensus.setToolTip(words)
        for action in self._starts.actions():
            if action.data() in CONSENSUS:
                action.setEnabled(together)
        self.adjudicate.setEnabled(readers > 0 and changes)


class ReadersViews(FoldingBar):
    """Which of the three views is shown; and the way back to the runs."""

    chosen = Signal(str)
    save_asked = Signal()
    back_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(40, 32, theme.space("xs"), parent, wide=1)
        self._group = QButtonGroup(self)
        row, end = self.lines
        self.back = theme.button(text("team.back_to_runs"), "small", tip=text("team.back_to_runs_tip"))
        self.back.clicked.connect(self.back_asked)
        row.addWidget(self.back)
        row.addSpacing(theme.space("m"))
        self.buttons: dict[str, QPushButton] = {}
        for name in VIEWS:
            made = theme.button(text(f"team.view_{name}"), "small", tip=text(f"team.view_{name}_tip"))
            made.setCheckable(True)
            made.setProperty("view", name)
            made.clicked.connect(self._clicked)
            self._group.addButton(made)
            self.buttons[name] = made
            row.addWidget(made)
        self.buttons[VIEWS[0]].setChecked(True)
        row.addStretch(1)
        end.addStretch(1)
        self.said = theme.label("", "muted")
        end.addWidget(self.said)
        self.save = theme.button(text("team.save_table"), "small", tip=text("team.save_table_tip"))
        self.save.clicked.connect(self.save_asked)
        self.save.hide()
        end.addWidget(self.save)

    def choose(self, name: str) -> None:
        """Press a button."""
        self.buttons[name].setChecked(True)
        self.save.setVisible(name != "scan")

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton):
            self.chosen.emit(str(button.property("view")))


def _combo() -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(8)
    made.setMaximumWidth(210)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def _fill(box: QComboBox, names: Sequence[str], chosen: str) -> None:
    box.blockSignals(True)
    box.clear()
    box.addItems(list(names))
    box.setCurrentIndex(names.index(chosen) if chosen in names else -1)
    box.blockSignals(False)
