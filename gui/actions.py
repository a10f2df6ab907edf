"""Everything a person can do, in one table, with its key, icon and when it is possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from core.messages import text
from gui import keymap
from gui.icons import icon
from gui.keymap import Keymap

if TYPE_CHECKING:
    from gui.session import Session


class Needs(Enum):
    """What must be open for an action to be possible."""

    NOTHING = auto()
    PROJECT = auto()
    SCAN = auto()
    EDITING = auto()


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing a person can do.

    Parameters
    ----------
    id
        Names its words (``actions.<id>`` in the catalogue) and its keys (keymap).
    icon
        Name in ``resources/icons``, or empty.
    needs
        When it is possible.
    annotate
        Whether its key works only while Annotate is shown.
    checkable
        Whether it is on or off.
    """

    id: str
    icon: str = ""
    needs: Needs = Needs.NOTHING
    annotate: bool = False
    checkable: bool = False


EDITS = (
    "interpolate", "seeds", "smooth", "grow", "shrink", "fill_holes", "keep_largest", "remove_small", "split_islands",
    "island_keep", "island_delete", "unite", "subtract", "intersect", "copy", "copy_next", "copy_previous", "paste",
    "move", "clear_scribbles", "suggest", "suggest_region",
)  # fmt: skip
"""Operations on a mask; their actions begin with ``edit_``."""

_P, _S, _E = Needs.PROJECT, Needs.SCAN, Needs.EDITING
ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("workspace_annotate", needs=_P),
    ActionSpec("workspace_train", needs=_P),
    ActionSpec("workspace_review", needs=_P),
    ActionSpec("import", "import"),
    ActionSpec("export", "export", _S),
    ActionSpec("strip", "export"),
    ActionSpec("new_project", "plus"),
    ActionSpec("open_project", "folder"),
    ActionSpec("demo_project", "demo"),
    ActionSpec("keep_project", "save", _P),
    ActionSpec("start_page", "menu", _P),
    ActionSpec("find_scan", "search", _P),
    ActionSpec("header", "info", _S),
    ActionSpec("show_names", "eye", checkable=True),
    ActionSpec("reader", "person"),
    ActionSpec("bundle", "export", _P),
    ActionSpec("merge", "import"),
    ActionSpec("comment", "comment", _S),
    ActionSpec("timeline", needs=_P),
    ActionSpec("scan_menu", needs=_P),
    ActionSpec("approve", needs=_E),
    ActionSpec("give_back", needs=_E),
    ActionSpec("strip_now", "scissors", _S),
    ActionSpec("mask_file", "import", _E),
    ActionSpec("foreign_file", "import", _P),
    ActionSpec("foreign_folder", "import", _P),
    ActionSpec("foreign_labels", "import", _P),
    ActionSpec("keys", "info"),
    ActionSpec("guide", "info"),
    ActionSpec("guide_here"),
    ActionSpec("palette", "search"),
    ActionSpec("settings"),
    ActionSpec("tour", needs=_S, annotate=True),
    ActionSpec("log", "info"),
    ActionSpec("about", "info"),
    ActionSpec("quit"),
    ActionSpec("undo", "undo", _E, annotate=True),
    ActionSpec("redo", "redo", _E, annotate=True),
    ActionSpec("save_now", "save", _E),
    ActionSpec("next_best", needs=_P),
    ActionSpec("next_scan", needs=_P),
    ActionSpec("previous_scan", needs=_P),
    ActionSpec("done_next", "check", _E, annotate=True),
    ActionSpec("brush", "brush", _E, annotate=True, checkable=True),
    ActionSpec("erase", "eraser", _E, annotate=True, checkable=True),
    ActionSpec("background", "background", _E, annotate=True, checkable=True),
    ActionSpec("suggestions", "suggestions", _E, annotate=True, checkable=True),
    *(ActionSpec(name, name, _E, annotate=True, checkable=True) for name in ("polygon", "lasso", "scissors")),
    *(ActionSpec(name, name, _E, annotate=True, checkable=True) for name in ("fill", "wand", "level", "threshold")),
    ActionSpec("limit", needs=_E, annotate=True, checkable=True),
    ActionSpec("limit_invert", needs=_E, annotate=True, checkable=True),
    *(ActionSpec(f"class_{what}_{n}", needs=_E, annotate=True) for what in ("scan", "slice") for n in range(1, 7)),
    ActionSpec("ruler", "ruler", _S, annotate=True, checkable=True),
    ActionSpec("surface", "sphere", _S, annotate=True),
    ActionSpec("navigate", "navigate", _S, annotate=True, checkable=True),
    *(ActionSpec(f"edit_{name}", needs=_E, annotate=True) for name in EDITS),
    ActionSpec("size_up", needs=_E, annotate=True),
    ActionSpec("size_down", needs=_E, annotate=True),
    ActionSpec("size_up_fine", needs=_E, annotate=True),
    ActionSpec("size_down_fine", needs=_E, annotate=True),
    *(ActionSpec(f"label_{digit}", needs=_S, annotate=True) for digit in range(1, 10)),
    ActionSpec("opacity_down", needs=_S, annotate=True),
    ActionSpec("opacity_up", needs=_S, annotate=True),
    ActionSpec("outline", "outline", _S, annotate=True),
    ActionSpec("overlay", "eye", _S, annotate=True, checkable=True),
    ActionSpec("finished", "check", _E, annotate=True, checkable=True),
    ActionSpec("slice_next", needs=_S, annotate=True),
    ActionSpec("slice_previous", needs=_S, annotate=True),
    ActionSpec("slice_next_far", needs=_S, annotate=True),
    ActionSpec("slice_previous_far", needs=_S, annotate=True),
    ActionSpec("slice_first", needs=_S, annotate=True),
    ActionSpec("slice_last", needs=_S, annotate=True),
    ActionSpec("reset_view", "fit", _S, annotate=True),
    ActionSpec("maximise", needs=_S, annotate=True),
    ActionSpec("flip", needs=_S, annotate=True),
    ActionSpec("second_blend", needs=_S, annotate=True),
    ActionSpec("smooth", needs=_S, annotate=True, checkable=True),
    ActionSpec("neurological", needs=_S, annotate=True, checkable=True),
    ActionSpec("crosshair", needs=_S, annotate=True, checkable=True),
    ActionSpec("zoom_linked", needs=_S, annotate=True, checkable=True),
    ActionSpec("pen_pressure", needs=_S, annotate=True, checkable=True),
    *(ActionSpec(f"window_{digit}", needs=_S, annotate=True) for digit in range(1, 7)),
)


def words_of(spec_id: str) -> str:
    """Return the words of an action; numbered ones share a string."""
    stem, _, digit = spec_id.rpartition("_")
    if digit.isdigit():
        return text(f"actions.{stem}", number=digit)
    return text(f"actions.{spec_id}")


class Actions(QObject):
    """The actions of one window.

    Parameters
    ----------
    session
        Tells what is open.
    window
        Gets the actions, so that their keys work everywhere in it.
    """

    keymap_changed = Signal(object)
    """The :class:`gui.keymap.Keymap` that is in force now."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._annotating = True
        self._by_id: dict[str, QAction] = {}
        for spec in ACTIONS:
            action = QAction(words_of(spec.id), self)
            action.setObjectName(spec.id)
            action.setCheckable(spec.checkable)
            if spec.icon:
                action.setIcon(icon(spec.icon))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.setAutoRepeat(spec.id.startswith(("slice_", "size_", "opacity_", "undo", "redo")))
            self._by_id[spec.id] = action
            window.addAction(action)
        preferences = session.settings.preferences
        self.keymap = keymap.load(preferences.keymap, preferences.keys)
        self._give_keys()
        for signal in (session.project_changed, session.scan_changed):
            signal.connect(self.refresh)
        session.scan_loading.connect(self.refresh)
        session.mask_changed.connect(self._refresh_history)
        session.walker.asides.changed.connect(self._refresh_history)
        self.refresh()

    def __getitem__(self, spec_id: str) -> QAction:
        """Return the action of an id."""
        return self._by_id[spec_id]

    def bind(self, spec_id: str, slot: Callable[[], object]) -> None:
        """Say what an action does: a bound method without arguments."""
        self._by_id[spec_id].triggered.connect(slot)

    def use(self, chosen: Keymap) -> None:
        """Give all actions the keys of a keymap."""
        self.keymap = chosen
        self._give_keys()
        self.keymap_changed.emit(chosen)

    def _give_keys(self) -> None:
        for name, action in self._by_id.items():
            action.setShortcuts([QKeySequence(key) for key in self.keymap.keys.get(name, ())])
            action.setToolTip(self._tip(action))

    def set_annotating(self, shown: bool) -> None:
        """Give the single-letter keys to Annotate, or leave them to the other workspaces."""
        self._annotating = shown
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Enable what is possible now."""
        session = self._session
        possible = {
            Needs.NOTHING: True,
            Needs.PROJECT: session.project is not None,
            Needs.SCAN: session.scan is not None,
            Needs.EDITING: session.can_edit,
        }
        for spec in ACTIONS:
            self._by_id[spec.id].setEnabled(possible[spec.needs] and (self._annotating or not spec.annotate))
        # a project that has its place already is copied, and the copy gone on in
        keep = self._by_id["keep_project"]
        keep.setText(keep_words(session))
        keep.setToolTip(self._tip(keep))
        self._refresh_history()

    @Slot()
    def _refresh_history(self) -> None:
        editor = self._session.editor
        can = self._session.can_edit and self._annotating and editor is not None
        asides = self._session.walker.asides
        self._by_id["undo"].setEnabled(can and editor is not None and (editor.undo_available or asides.can_undo))
        self._by_id["redo"].setEnabled(can and editor is not None and (editor.redo_available or asides.can_redo))

    @staticmethod
    def _tip(action: QAction) -> str:
        key = shown_key(action)
        return f"{action.text()}  ({key})" if key else action.text()


def keep_words(session: Session) -> str:
    """Return what it is called to put the open project at a place of its own."""
    copied = session.project is not None and not session.is_scratch
    return text("actions.copy_project" if copied else "actions.keep_project")


def shown_key(action: QAction) -> str:
    """Return the main key of an action as the platform writes it."""
    return action.shortcut().toString(QKeySequence.SequenceFormat.NativeText).replace("Return", "↵")
