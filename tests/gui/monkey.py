"""A person without a plan: random actions on the real window, the same ones for the same seed."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton, QSlider, QToolButton, QWidget
from shell_support import mouse

from gui.actions import ACTIONS
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

_LEAVES = {"quit", "start_page", "open_project", "new_project", "demo_project", "keep_project", "import", "export"}
"""Actions that leave the project, or open the system's own file dialogs, which no test can answer."""
_LETTERS = "BENMADCGFRXTIPLWSV0123"
_KEYS = [Qt.Key(ord(letter)) for letter in _LETTERS] + [
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight, Qt.Key.Key_QuoteLeft, Qt.Key.Key_Space, Qt.Key.Key_Tab,
    Qt.Key.Key_Escape,
]  # fmt: skip
_HELD = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
_STUCK_MS = 1_000
_BUTTONS = (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton)


class Monkey:
    """Does things to a window.

    Parameters
    ----------
    window
        With a project open.
    seed
        Decides everything it does.
    """

    def __init__(self, window: MainWindow, seed: int) -> None:
        self.window = window
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.last: deque[str] = deque(maxlen=300)
        self._ways: list[tuple[float, Callable[[], None]]] = [
            (35, self.drag),
            (15, self.wheel),
            (18, self.key),
            (5, self.undo),
            (3, self.redo),
            (5, self.action),
            (3, self.scan),
            (4, self.workspace),
            (7, self.button),
            (2, self.slider),
            (1, self.choose),
            (2, self.resize),
            (1, self.finish),
        ]
        self._acts = 0
        self._stuck: tuple[QWidget | None, int] = None, 0
        self._watch = QTimer(window)
        self._watch.timeout.connect(self._unstick)
        self._watch.start(_STUCK_MS)

    def act(self) -> None:
        """Do one thing, and clear away what it opened before."""
        self._acts += 1
        dialog = QApplication.activeModalWidget() or QApplication.activePopupWidget()
        if dialog is not None:
            self.last.append(f"close {type(dialog).__name__}")
            dialog.close()
            return
        weights = [weight for weight, _way in self._ways]
        way = self.chance.choices([way for _weight, way in self._ways], weights)[0]
        self.done[way.__name__] += 1
        self.last.append(way.__name__)
        way()

    # ------------------------------------------------------------------ ways

    def drag(self) -> None:
        """Press, move a little, let go."""
        view = self._view()
        if view is None:
            return
        button = self.chance.choices(_BUTTONS, (6, 1, 1))[0]
        keys = self.chance.choices(_HELD, (6, 1, 1, 1))[0]
        place = QPointF(self.chance.uniform(0, view.width()), self.chance.uniform(0, view.height()))
        mouse(view, QEvent.Type.MouseButtonPress, place, button=button, keys=keys)
        for _ in range(self.chance.randint(0, 6)):
            place += QPointF(self.chance.uniform(-40, 40), self.chance.uniform(-40, 40))
            mouse(view, QEvent.Type.MouseMove, place, button=button, keys=keys)
            if self.chance.random() < 0.03:
                # a key in the middle of a stroke
                self.key()
        mouse(view, QEvent.Type.MouseButtonRelease, place, button=button, keys=keys)
        if self.chance.random() < 0.05:
            mouse(view, QEvent.Type.MouseButtonDblClick, place, button=button)
            mouse(view, QEvent.Type.MouseButtonRelease, place, button=button)

    def wheel(self) -> None:
        """One notch."""
        view = self._view()
        if view is None:
            return
        place = QPointF(self.chance.uniform(0, view.width()), self.chance.uniform(0, view.height()))
        turn = QPoint(0, self.chance.choice((-120, 120)))
        keys = self.chance.choices(_HELD, (5, 1, 0, 1))[0]
        phase = Qt.ScrollPhase.NoScrollPhase
        no_button = Qt.MouseButton.NoButton
        event = QWheelEvent(place, view.mapToGlobal(place), QPoint(), turn, no_button, keys, phase, False)
        QApplication.sendEvent(view, event)

    def key(self) -> None:
        """Press a key where the focus is."""
        focus = QApplication.focusWidget() or self.window
        keys = self.chance.choices(_HELD, (7, 0, 0, 1))[0]
        self._closing_later()
        key = self.chance.choice(_KEYS)
        self.last.append(f"{keys.name} {key.name} {type(focus).__name__}")
        QTest.keyClick(focus, key, keys)

    def undo(self) -> None:
        """Ctrl+Z."""
        self.window.actions_table["undo"].trigger()

    def redo(self) -> None:
        """Ctrl+Y."""
        self.window.actions_table["redo"].trigger()

    def action(self) -> None:
        """Any action of the table that is possible."""
        possible = [
            spec.id for spec in ACTIONS if spec.id not in _LEAVES and self.window.actions_table[spec.id].isEnabled()
        ]
        self._closing_later()
        chosen = self.chance.choice(possible)
        self.last.append(chosen)
        self.window.actions_table[chosen].trigger()

    def scan(self) -> None:
        """Open another scan, often before the last one is there."""
        project = self.window.session.project
        if project is not None:
            self.window.session.open_scan(self.chance.choice(project.scans()).id)

    def workspace(self) -> None:
        """Annotate, Train or Review."""
        name = self.chance.choices(("annotate", "train", "review"), (4, 1, 1))[0]
        self.window.actions_table[f"workspace_{name}"].trigger()

    def button(self) -> None:
        """Click any button of the workspace that is shown, but those that start long work."""
        area = self.window.workspaces.currentWidget()
        buttons = [*area.findChildren(QToolButton), *area.findChildren(QPushButton)]
        fit = [one for one in buttons if one.isVisible() and one.isEnabled() and one.property("kind") != "primary"]
        if fit:
            self._closing_later()
            button = self.chance.choice(fit)
            self.last.append(f"{button.accessibleName()} {button.text()}")
            button.click()

    def slider(self) -> None:
        """Move a slider."""
        sliders = [one for one in self._shown(QSlider) if isinstance(one, QSlider)]
        if sliders:
            slider = self.chance.choice(sliders)
            slider.setValue(self.chance.randint(slider.minimum(), slider.maximum()))

    def choose(self) -> None:
        """Choose another entry of a box."""
        boxes = [one for one in self._shown(QComboBox) if isinstance(one, QComboBox) and one.count()]
        if boxes:
            box = self.chance.choice(boxes)
            place = self.chance.randrange(box.count())
            self.last.append(f"{box.accessibleName()} {box.itemText(place)}")
            box.setCurrentIndex(place)
            # a person's choice is told of in a way that a program's is not
            box.textActivated.emit(box.itemText(place))
            box.activated.emit(place)

    def resize(self) -> None:
        """Make the window another size."""
        self.window.resize(self.chance.randint(1080, 1500), self.chance.randint(680, 900))

    def finish(self) -> None:
        """Done, next scan."""
        self.window.actions_table["done_next"].trigger()

    # --------------------------------------------------------------- helpers

    def _view(self) -> SliceView | None:
        area = self.window.workspaces.currentWidget()
        views = [view for view in area.findChildren(SliceView) if view.isVisible()]
        return self.chance.choice(views) if views else None

    def _shown(self, kind: type[QWidget]) -> list[QWidget]:
        area = self.window.workspaces.currentWidget()
        return [one for one in area.findChildren(kind) if one.isVisible() and one.isEnabled()]

    def _unstick(self) -> None:
        """Close a question that came up in a later turn, where it is waited for and nothing else is done."""
        asked = QApplication.activeModalWidget(), self._acts
        if asked[0] is not None and asked == self._stuck:
            _close_open()
        self._stuck = asked

    def _closing_later(self) -> None:
        """Close what a click may open: a modal dialog would wait for ever."""
        QTimer.singleShot(30, _close_open)


def _close_open() -> None:
    for _ in range(5):
        widget = QApplication.activeModalWidget() or QApplication.activePopupWidget()
        if widget is None:
            return
        widget.close()
        QCoreApplication.processEvents()
