"""What keys and mouse do to the panes of Annotate without touching a mask."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from core.messages import text
from gui.actions import Actions
from gui.annotate.flipping import HeldKey
from gui.annotate.second_scan import SecondScan
from gui.keymap import Keymap
from gui.session import Session
from gui.viewer.linked import LinkedViews
from gui.viewer.second import Second


class Viewing(QObject):
    """Binds one pane alone, the second scan, the mouse of the keymap, and picking labels.

    Parameters
    ----------
    session, actions
        Of the window.
    views
        The panes.
    second
        The second scan.
    """

    def __init__(
        self, session: Session, actions: Actions, views: LinkedViews, second: SecondScan, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._second = second
        actions.bind("maximise", self._maximise)
        actions.bind("second_blend", self._next_mode)
        self._flipping = HeldKey(actions["flip"], self._flip, self._is_flipped, self)
        actions.keymap_changed.connect(self._keymap_changed)
        self._keymap_changed(actions.keymap)
        second.shown.connect(self._show_second)
        views.second_window_asked.connect(second.set_window)
        views.picked.connect(self._pick)

    @Slot(object)
    def _keymap_changed(self, keymap: Keymap) -> None:
        self._views.set_mouse(keymap.mouse)

    @Slot()
    def _maximise(self) -> None:
        views = self._views
        views.maximise(None if views.maximised is not None else views.active)

    @Slot(object, bool)
    def _show_second(self, second: Second | None, beside: bool) -> None:
        self._views.set_second(second, beside=beside)

    @Slot()
    def _next_mode(self) -> None:
        if self._second.there:
            self._second.set_beside(not self._second.beside)

    def _flip(self, flipped: bool) -> None:
        if flipped and not self._second.there:
            self._session.notifier.tell(text("annotate.no_second"), "warning")
        self._views.flip(flipped)

    def _is_flipped(self) -> bool:
        return self._views.flipped

    @Slot(object)
    def _pick(self, xyz: tuple[float, float, float]) -> None:
        """Draw the label from now on that is under an Alt+click; the layer drawn last is on top."""
        session, editor, volume = self._session, self._session.editor, self._session.volume
        if editor is None or volume is None:
            return
        x, y, z = (round(at) for at in xyz)
        if not all(0 <= at < count for at, count in zip((z, y, x), volume.shape, strict=True)):
            return
        for label in reversed(list(session.labels)):
            if label.name not in session.hidden and editor.mask(label.layer)[z, y, x] == label.value:
                session.choose_label(label.name)
                return
