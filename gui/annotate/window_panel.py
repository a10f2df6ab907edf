"""Window and level: the histogram and the presets that fit the scan."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from core.messages import text
from core.volume import Window
from gui import theme
from gui.actions import Actions, shown_key
from gui.annotate.fold import Fold
from gui.annotate.histogram import HistogramView, figure
from gui.annotate.presets import KEYS, MOST, Preset, key_windows, presets, same
from gui.session import Session

_COLUMNS = 3


class WindowPanel(QWidget):
    """Histogram with two handles, and the presets that fit the scan."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._presets: list[Preset] = []
        self._by_key: dict[int, Window] = {}
        self.histogram = HistogramView()
        self.histogram.window_dragged.connect(session.set_window)
        self.histogram.auto_asked.connect(self._auto)
        self.buttons: list[QPushButton] = []
        grid = QGridLayout()
        grid.setSpacing(6)
        for place in range(MOST):
            button = theme.button("", "small")
            button.setParent(self)
            button.setCheckable(True)
            button.setProperty("place", place)
            button.clicked.connect(self._clicked)
            self.buttons.append(button)
        for key in range(1, KEYS + 1):
            actions[f"window_{key}"].triggered.connect(self._key_pressed)
        self._actions = actions
        self._grid = grid
        lay = theme.column(self)
        lay.addWidget(Fold(text("annotate.window"), "window", session.settings, self.histogram, grid))
        session.scan_changed.connect(self._scan_changed)
        session.window_changed.connect(self._show_window)
        self._scan_changed()

    @Slot()
    def _scan_changed(self) -> None:
        loaded = self._session.loaded
        self._presets = presets(loaded.volume, loaded.histogram) if loaded is not None else []
        self._by_key = key_windows(loaded.volume, loaded.histogram) if loaded is not None else {}
        self.histogram.show_histogram(loaded.histogram if loaded is not None else None)
        # two even lines rather than one button left over
        columns = _COLUMNS if len(self._presets) not in (2, 4) else 2
        for place, button in enumerate(self.buttons):
            there = place < len(self._presets)
            self._grid.removeWidget(button)
            if there:
                preset = self._presets[place]
                button.setText(preset.window.name)
                button.setToolTip(self._tip(preset))
                self._grid.addWidget(button, place // columns, place % columns)
            button.setVisible(there)
        self._show_window(self._session.window if loaded is not None else None)

    def _tip(self, preset: Preset) -> str:
        """Say the figures, and the key where there is one."""
        low, high = figure(preset.window.low), figure(preset.window.high)
        key = shown_key(self._actions[f"window_{preset.key}"]) if preset.key else ""
        said = text("annotate.window_tip", name=preset.window.name, low=low, high=high)
        return f"{said}  ({key})" if key else said

    @Slot(object)
    def _show_window(self, window: Window | None) -> None:
        self.histogram.show_window(window)
        chosen = next((place for place, preset in enumerate(self._presets) if same(preset.window, window)), -1)
        for place, button in enumerate(self.buttons):
            button.setChecked(place == chosen)

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        place = int(button.property("place")) if isinstance(button, QPushButton) else -1
        if 0 <= place < len(self._presets):
            self._session.set_window(self._presets[place].window)
            # a button that was chosen already must not come up
            self._show_window(self._session.window)

    @Slot()
    def _key_pressed(self) -> None:
        action = self.sender()
        key = int(action.objectName().rpartition("_")[2]) if action is not None else 0
        if key in self._by_key:
            self._session.set_window(self._by_key[key])

    @Slot()
    def _auto(self) -> None:
        if KEYS in self._by_key:
            self._session.set_window(self._by_key[KEYS])
