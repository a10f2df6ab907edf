"""Where am I, what is under the pointer, what runs, is it saved."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from core.distances import between_slices
from core.labels import SCRIBBLED_BACKGROUND, Label, background_of
from core.messages import comma, numeral, text
from core.volume import Volume
from gui import theme
from gui.annotate.histogram import value_words
from gui.session import Pointer, Session

_ROLES = {"saved": "good", "unsaved": "muted", "saving": "muted", "failed": "danger"}


def place_words(volume: Volume, pointer: Pointer, labels: list[Label]) -> str:
    """Say what is at a voxel: x y z · mm · value · value of the second scan · labels · zoom."""
    x, y, z = pointer.xyz
    parts = [text("place.voxel", x=x + 1, y=y + 1, z=z + 1)]
    if volume.geometry.spacing_known:
        world = volume.geometry.to_world((x, y, z))
        told = (numeral(value, ".1f").replace("-", "\u2212") for value in world)
        parts.append(text("place.world", words=text("place.between").join(told)))
    parts.append(text("place.value", value=value_words(volume, (x, y, z))))
    if pointer.second:
        parts.append(pointer.second)
    parts.append(", ".join(label.name for label in labels) or text("place.no_label"))
    if pointer.zoom > 0:
        parts.append(text("place.zoom", percent=round(pointer.zoom * 100)))
    return "   ·   ".join(parts)


class StatusBar(QFrame):
    """The line below everything."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setProperty("area", "bottom")
        self.setFixedHeight(theme.space("status_bar") + 2)
        self.place = theme.label("", "muted")
        self.place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.work = theme.label("", "muted")
        self.work.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.saved = theme.label("", "good")
        lay = theme.row(self, gap=theme.space("l"))
        lay.setContentsMargins(12, 0, 14, 0)
        lay.addWidget(self.place, 3)
        lay.addWidget(self.work, 2)
        lay.addWidget(self.saved, 0, Qt.AlignmentFlag.AlignRight)
        session.pointer_changed.connect(self._show_place)
        session.scan_loading.connect(self._loading)
        session.scan_changed.connect(self._scan_changed)
        session.save_state_changed.connect(self._show_saved)
        session.jobs.changed.connect(self._show_work)
        self._show_saved(session.save_state.value)

    @Slot(object)
    def _show_place(self, pointer: Pointer | None) -> None:
        volume, editor = self._session.volume, self._session.editor
        if pointer is None or volume is None or editor is None:
            self._rest()
            return
        x, y, z = pointer.xyz
        labels = [label for label in self._session.labels if editor.mask(label.layer)[z, y, x] == label.value]
        if not labels and any(editor.mask(one)[z, y, x] == SCRIBBLED_BACKGROUND for one in self._session.labels.layers):
            labels = [background_of("", text("place.scribbled"))]
        self.place.setText(place_words(volume, pointer, labels))

    @Slot()
    def _scan_changed(self) -> None:
        self._rest()
        self._show_saved(self._session.save_state.value)

    @Slot(str)
    def _loading(self, scan_id: str) -> None:
        if scan_id:
            self.place.setText(text("place.opening"))
        else:
            self._rest()

    def _rest(self) -> None:
        scan, volume = self._session.scan, self._session.volume
        if self._session.loading:
            return
        if scan is None or volume is None:
            self.place.setText("")
            return
        z, y, x = volume.shape
        size = f"{x} × {y} × {z}" if z > 1 else f"{x} × {y}"
        _, dy, dx = volume.geometry.spacing
        depth = between_slices(volume.geometry)
        spacing = (
            comma(f"{dx:.3g} × {dy:.3g} × {depth} mm") if volume.geometry.spacing_known else text("place.no_spacing")
        )
        parts = (scan.name, scan.modality, size, spacing)
        self.place.setText("   ·   ".join(part for part in parts if part))

    @Slot()
    def _show_work(self) -> None:
        self.work.setText(self._session.jobs.summary())

    @Slot(str)
    def _show_saved(self, state: str) -> None:
        words = self._session.save_words
        role = _ROLES.get(state, "muted")
        if self._session.read_only and words:
            role = "warning"
        theme.set_role(self.saved, role)  # type: ignore[arg-type]  # all four are roles
        self.saved.setText(words)
        self.saved.setToolTip(words)
