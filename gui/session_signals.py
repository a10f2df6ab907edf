"""What the session tells every part of the window: its signals, and what they carry."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True)
class OverlayStyle:
    """How masks are drawn over scans.

    Parameters
    ----------
    opacity
        Of the fill, 0..1.
    fill, outline
        Which of the two is drawn.
    visible
        False hides all masks.
    """

    opacity: float = 0.25
    fill: bool = True
    outline: bool = True
    visible: bool = True


@dataclass(frozen=True)
class Pointer:
    """Where the mouse is over a scan: voxel (x, y, z), screen px per scan px, and what a second scan has there."""

    xyz: tuple[int, int, int]
    zoom: float = 0.0
    second: str = ""


class SessionSignals(QObject):
    """The signals of :class:`gui.session.Session`."""

    project_changed = Signal()
    """Another project (or none) is open."""
    scans_changed = Signal()
    """Scans were added, or many changed; :attr:`scan_updated` for one."""
    scan_updated = Signal(str)
    """The row (status) of this scan id changed."""
    scan_loading = Signal(str)
    """This scan id is being opened, tools are off until :attr:`scan_changed`; empty: it could not be."""
    glance_changed = Signal(object)
    """A :class:`gui.glimpse.Glimpse` of a scan that is still on its way in, or None: it is not any more."""
    scan_changed = Signal()
    """Another scan (or none) is shown; volume and editor are there."""
    labels_changed = Signal()
    """The set of labels changed (added, renamed, another colour, shown or hidden)."""
    label_changed = Signal()
    """Another label is drawn."""
    mask_changed = Signal(object)
    """A :class:`core.editing.editor.Change`, after each dab, commit, undo."""
    step_walked = Signal(object)
    """A :class:`core.editing.editor.Step` was undone or redone: show where it was."""
    save_state_changed = Signal(str)
    """``saved unsaved saving failed``; the sentence is :attr:`save_words`."""
    window_changed = Signal(object)
    """Grey levels (:class:`core.volume.Window`)."""
    overlay_changed = Signal()
    """:attr:`overlay` changed."""
    position_requested = Signal(object)
    """Go to this voxel (x, y, z)."""
    classes_changed = Signal(str)
    """What is said of the classes of this scan id changed on disk; empty: of many."""
    work_changed = Signal(str)
    """Status, readers, tags or comments of this scan id changed on disk; empty: of many."""
    reader_changed = Signal()
    """Another person reads here, or draws under another name."""
    comments_changed = Signal()
    """The comments on the scan shown were read anew (:attr:`Session.comments`)."""
    measurements_changed = Signal()
    """What was measured on the scan shown changed on disk."""
    slice_requested = Signal(int)
    """Go to this native slice."""
    pointer_changed = Signal(object)
    """A :class:`Pointer`, or None: what the status bar answers about."""
    workspace_requested = Signal(str)
    """``annotate train review``."""
    class_requested = Signal(str)
    """Show what was said of this class."""
    strip_asked = Signal()
    """Strip the scan shown with the starter that comes with the program."""
    starter_asked = Signal(str)
    """Predict the scan shown with the starter of this name."""
    review_requested = Signal(str)
    """Compare the scans with this run (id) in Review."""
    runs_changed = Signal()
    """A run was added or changed its state."""
    predictions_changed = Signal(str)
    """A prediction for this scan id was stored."""
    guide_asked = Signal(str)
    """Show what the guide says of a topic (:data:`gui.guide.pages.TOPICS`)."""
    names_changed = Signal()
    """Patient names are (not) to be shown on this workstation."""
