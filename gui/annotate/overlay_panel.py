"""How strongly the mask is shown, and whether filled or outlined."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QSlider, QToolButton, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions
from gui.annotate.fold import Fold
from gui.icons import icon
from gui.session import Session


class OverlayPanel(QWidget):
    """Opacity, outline, fill, hide."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName(text("annotate.opacity"))
        self.slider.setToolTip(text("annotate.opacity_tip"))
        self.slider.valueChanged.connect(self._slid)
        self.percent = theme.label("", "muted")
        self.percent.setFixedWidth(34)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.fill = self._toggle("filled", "annotate.fill")
        self.outline = self._toggle("outline", "annotate.outline")
        self.fill.clicked.connect(self._fill_clicked)
        self.outline.clicked.connect(self._outline_clicked)
        self.eye = QToolButton()
        self.eye.setDefaultAction(actions["overlay"])
        self.eye.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        for button in (self.fill, self.outline, self.eye):
            button.setIconSize(QSize(18, 18))
            button.setFixedSize(28, 28)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        line = theme.row(gap=4)
        line.addWidget(self.slider, 1)
        line.addWidget(self.percent)
        line.addWidget(self.fill)
        line.addWidget(self.outline)
        line.addWidget(self.eye)
        lay = theme.column(self)
        lay.addWidget(Fold(text("annotate.overlay"), "overlay", session.settings, line))
        session.overlay_changed.connect(self._show)
        self._show()

    @staticmethod
    def _toggle(name: str, key: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setIcon(icon(name))
        button.setToolTip(text(f"{key}_tip"))
        button.setAccessibleName(text(key))
        return button

    @Slot(int)
    def _slid(self, percent: int) -> None:
        self._session.set_overlay(opacity=percent / 100, fill=True)

    @Slot(bool)
    def _fill_clicked(self, on: bool) -> None:
        self._session.set_overlay(fill=on, outline=True if not on else self._session.overlay.outline)

    @Slot(bool)
    def _outline_clicked(self, on: bool) -> None:
        self._session.set_overlay(outline=on, fill=True if not on else self._session.overlay.fill)

    @Slot()
    def _show(self) -> None:
        style = self._session.overlay
        percent = round(style.opacity * 100)
        self.slider.blockSignals(True)
        self.slider.setValue(percent)
        self.slider.blockSignals(False)
        self.percent.setText(f"{percent}\u202f%")
        self.fill.setChecked(style.fill)
        self.outline.setChecked(style.outline)
        self.eye.setIcon(icon("eye" if style.visible else "eye-off"))
