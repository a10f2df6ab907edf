"""Annotate: the scan in three planes, tools at the left, what is drawn at the right."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from core.editing.editor import Change, Step
from core.geometry import Box
from core.labels import SCRIBBLE_COLOR, SCRIBBLED_BACKGROUND
from core.messages import text
from gui import theme
from gui.actions import Actions, shown_key
from gui.annotate.classes_panel import ClassesPanel
from gui.annotate.glancing import Glancing
from gui.annotate.history_panel import HistoryPanel
from gui.annotate.labels_panel import LabelsPanel
from gui.annotate.measure_panel import MeasurePanel
from gui.annotate.operations.operator import Operator
from gui.annotate.operations.panel import OperationsPanel
from gui.annotate.operations.suggest_panel import SuggestPanel
from gui.annotate.option_bar import OptionBar
from gui.annotate.overlay_panel import OverlayPanel
from gui.annotate.rail import TOOLS, ToolRail
from gui.annotate.second_panel import SecondPanel
from gui.annotate.second_scan import SecondScan
from gui.annotate.slice_strip import SliceStrip
from gui.annotate.surface_panel import Surface
from gui.annotate.tools.hand import Hand
from gui.annotate.tools.kit import Kit
from gui.annotate.view_menu import ViewMenu
from gui.annotate.viewing import Viewing
from gui.annotate.window_panel import WindowPanel
from gui.empty import EmptyPage
from gui.loading import LoadedScan
from gui.session import Pointer, Session
from gui.team.comments_panel import CommentsPanel
from gui.viewer.linked import LinkedViews
from gui.viewer.linking import world_place
from gui.viewer.overlay import Overlay, rgb
from gui.wheel import WheelScrolls

_FAR = 5
_LABELS = range(1, SCRIBBLED_BACKGROUND)

_OLD_VERSION = (244, 247, 252)


class AnnotateWorkspace(QWidget):
    """Draw masks.

    Parameters
    ----------
    session
        What is open.
    actions
        The actions of the window; those of Annotate are bound here.
    """

    import_asked = Signal()
    add_label_asked = Signal()
    change_label_asked = Signal(str)
    done_asked = Signal()

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._actions = actions
        self._under: tuple[int, int, int] | None = None
        self._before: LoadedScan | None = None
        self.hand = Hand(session.settings.preferences, self)
        self.views = LinkedViews()
        self.strip = SliceStrip(session)
        self.glancing = Glancing(session, self.views, self._show_page, self)
        self.labels = LabelsPanel(session)
        self.operator = Operator(session, self.views, self)
        self.operations = OperationsPanel(session, actions, self.operator)
        self.overlay = OverlayPanel(session, actions)
        self.window_panel = WindowPanel(session, actions)
        self.second = SecondScan(session, self)
        self.second_panel = SecondPanel(self.second, actions)
        self.history = HistoryPanel(session)
        self.rail = ToolRail(actions)
        self.view_menu = ViewMenu(session, actions, self.views)
        self.kit = Kit(session, actions, self.hand, self.views, self._refuse, self.operator, self)
        self.surface = Surface(session, actions, self.views, self)
        self.classes = ClassesPanel(session, actions, self.views)
        self.comments = CommentsPanel(session, self._native_slice)
        self.measure = MeasurePanel(session, self.kit.ruler)
        self.suggestions = SuggestPanel(session, self.views, self.kit.proposal, self.kit.suggest)
        self.options = OptionBar(session, self.hand, self.view_menu, self.kit, actions)
        self.empty = EmptyPage()
        self.viewing = Viewing(session, actions, self.views, self.second, self)
        self._lay_out()
        self._bind()
        self._connect()
        self._scan_changed()
        self._tool_changed()
        self.kit.take()

    # --------------------------------------------------------------- layout

    def _lay_out(self) -> None:
        lay = theme.row(self, gap=0)
        lay.addWidget(self.rail)
        centre = theme.column(gap=0)
        centre.addWidget(self.options)
        self._stack = QStackedLayout()
        views = QWidget()
        views.setProperty("area", "viewer")
        inner = theme.column(views, gap=0)
        inner.addWidget(self.views, 1)
        inner.addWidget(self.strip)
        self._stack.addWidget(views)
        self._stack.addWidget(self.empty)
        centre.addLayout(self._stack, 1)
        lay.addLayout(centre, 1)
        side, right = theme.side_panel()
        right.addWidget(self._make_panels(), 1)
        right.addLayout(self._make_end())
        lay.addWidget(side)

    def _make_panels(self) -> QScrollArea:
        """Return the panels; on a small screen they scroll, and the buttons below stay where they are."""
        inside = QWidget()
        inside.setProperty("area", "clear")
        self._panels = column = theme.column(inside, gap=theme.space("s") + 2)
        upper = (self.labels, self.measure, self.suggestions, self.operations, self.overlay)
        for panel in (*upper, self.window_panel, self.second_panel, self.classes, self.comments):
            column.addWidget(panel)
        column.addWidget(self.history, 1)
        made = QScrollArea()
        made.setWidgetResizable(True)
        made.setFrameShape(QFrame.Shape.NoFrame)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setWidget(inside)
        made.viewport().setProperty("area", "clear")
        WheelScrolls(inside)
        return made

    def _make_end(self) -> QVBoxLayout:
        self.finished = theme.button("")
        self.finished.setCheckable(True)
        self.finished.setToolTip(text("annotate.finished_tip"))
        self.finished.clicked.connect(self._actions["finished"].trigger)
        self.finished_count = theme.label("", "muted")
        key = shown_key(self._actions["done_next"])
        self.done = theme.primary_button(text("annotate.done", key=key), tip=text("annotate.done_tip"))
        self.done.clicked.connect(self._actions["done_next"].trigger)
        end = theme.column(gap=theme.space("s"))
        end.addWidget(self.finished_count)
        end.addWidget(self.finished)
        end.addWidget(self.done)
        return end

    # -------------------------------------------------------------- binding

    def _bind(self) -> None:
        bind = self._actions.bind
        for name in TOOLS:
            self._actions[name].triggered.connect(self._tool_chosen)
        for digit in range(1, 10):
            self._actions[f"label_{digit}"].triggered.connect(self._label_key)
        for name, slot in {
            "undo": self._session.undo,
            "redo": self._session.redo,
            "size_up": self._grow,
            "size_down": self._shrink,
            "size_up_fine": self._grow_fine,
            "size_down_fine": self._shrink_fine,
            "opacity_up": self._more_opaque,
            "opacity_down": self._less_opaque,
            "outline": self._next_style,
            "overlay": self._toggle_overlay,
            "finished": self._toggle_finished,
            "done_next": self.done_asked.emit,
            "reset_view": self.views.fit,
            "slice_next": self._next,
            "slice_previous": self._previous,
            "slice_next_far": self._next_far,
            "slice_previous_far": self._previous_far,
            "slice_first": self._first,
            "slice_last": self._last,
        }.items():
            bind(name, slot)

    def _connect(self) -> None:
        session = self._session
        session.scan_changed.connect(self._scan_changed)
        session.scan_loading.connect(self._scan_loading)
        session.scans_changed.connect(self._show_page)
        session.jobs.started.connect(self._show_page)
        session.jobs.ended.connect(self._show_page)
        session.labels_changed.connect(self._show_overlays)
        session.versions.previewed.connect(self._show_overlays)
        self.operations.preview_changed.connect(self._show_overlays)
        self.kit.proposal.changed.connect(self._show_overlays)
        self.classes.changed.connect(self._show_classes)
        session.label_changed.connect(self._label_changed)
        session.overlay_changed.connect(self._show_overlays)
        session.mask_changed.connect(self._mask_changed)
        session.step_walked.connect(self._show_step)
        session.window_changed.connect(self.views.set_window)
        session.position_requested.connect(self.views.go_to)
        session.slice_requested.connect(self._go_to_slice)
        self.views.window_changed.connect(session.set_window)
        self.views.hovered.connect(self._hovered)
        self.views.view_range_changed.connect(self._zoomed)
        self.views.position_changed.connect(self._position_changed)
        self.views.brush_size_step.connect(self.hand.grow)
        self.views.active_changed.connect(self.operations.view_changed)
        self.view_menu.changed.connect(self.operations.view_changed)
        self.strip.slice_asked.connect(self._go_to_slice)
        self.comments.slice_asked.connect(self._go_to_slice)
        session.comments_changed.connect(self._show_comments)
        self.labels.add_asked.connect(self.add_label_asked)
        self.labels.change_asked.connect(self.change_label_asked)
        self.empty.asked.connect(self.import_asked)
        self.hand.tool_changed.connect(self._tool_changed)
        self.hand.shape_changed.connect(self.views.cursor_changed)

    # ---------------------------------------------------------------- tools

    @Slot()
    def _tool_chosen(self) -> None:
        action = self.sender()
        if action is not None:
            self.hand.take(action.objectName())
            # clicking the chosen tool again must not unpress it
            self._actions[self.hand.tool].setChecked(True)

    @Slot()
    def _tool_changed(self) -> None:
        self._actions[self.hand.tool].setChecked(True)
        self.measure.setVisible(self.hand.tool == "ruler")
        self.suggestions.setVisible(self.hand.tool == "suggestions")

    @Slot()
    def _label_key(self) -> None:
        action = self.sender()
        digit = action.objectName()[-1] if action is not None else ""
        found = next((label for label in self._session.labels if label.key == digit), None)
        if found is not None:
            self._session.choose_label(found.name)

    def _refuse(self, reason: str) -> None:
        holder = self._session.holder if reason == "read_only" else ""
        self._session.notifier.tell(holder or text(f"annotate.refused_{reason}"), "warning")

    @Slot()
    def _grow(self) -> None:
        self.hand.grow(1)

    @Slot()
    def _shrink(self) -> None:
        self.hand.grow(-1)

    @Slot()
    def _grow_fine(self) -> None:
        self.hand.set_size(self.hand.size + 1)

    @Slot()
    def _shrink_fine(self) -> None:
        self.hand.set_size(self.hand.size - 1)

    # -------------------------------------------------------------- overlay

    @Slot()
    def _more_opaque(self) -> None:
        self._session.set_overlay(opacity=min(1.0, round(self._session.overlay.opacity + 0.1, 2)), fill=True)

    @Slot()
    def _less_opaque(self) -> None:
        self._session.set_overlay(opacity=max(0.0, round(self._session.overlay.opacity - 0.1, 2)), fill=True)

    @Slot()
    def _next_style(self) -> None:
        style = self._session.overlay
        # both -> outline alone -> fill alone -> both
        if style.fill and style.outline:
            self._session.set_overlay(fill=False)
        elif style.outline:
            self._session.set_overlay(fill=True, outline=False)
        else:
            self._session.set_overlay(fill=True, outline=True)

    @Slot()
    def _toggle_overlay(self) -> None:
        self._session.set_overlay(visible=not self._session.overlay.visible)

    @Slot()
    def _show_overlays(self) -> None:
        session, editor = self._session, self._session.editor
        if session.volume is not None and self.views.main.volume is not session.volume:
            # somebody hears of another scan before the panes do: these masks are not of what they show
            return
        self._actions["overlay"].setChecked(session.overlay.visible)
        overlays = []
        if editor is not None:
            style = session.overlay
            for layer in session.labels.layers:
                shown = [label for label in session.labels.on_layer(layer) if label.name not in session.hidden]
                colors = {label.value: rgb(label.color) for label in shown}
                if shown:
                    colors[SCRIBBLED_BACKGROUND] = rgb(SCRIBBLE_COLOR)
                opacity = style.opacity if style.fill else 0.0
                overlays.append(Overlay(editor.mask(layer), colors, opacity, style.outline, style.visible))
        preview = session.versions.preview
        if preview is not None and session.volume is not None and preview.mask.shape == session.volume.shape:
            # an old version that is looked at: one bright outline, whatever the labels' colours are
            overlays.append(Overlay(preview.mask, dict.fromkeys(_LABELS, _OLD_VERSION), 0.0, True, True))
        self.views.set_overlays(overlays + self.kit.proposal.overlays() + self.operations.overlays())
        self._show_states()

    def _native_slice(self) -> int:
        return self.views.position[2]

    @Slot()
    def _show_comments(self) -> None:
        """Flag the slices that something open is said of."""
        said: dict[int, str] = {}
        for one in self._session.team.comments:
            if one.slice is not None and not one.settled:
                line = text("team.said", reader=one.reader, words=one.words)
                said[one.slice] = f"{said[one.slice]}\n{line}" if one.slice in said else line
        self.strip.show_comments(said)
        first = self.comments.comes_first()
        if first is not None:
            self._panels.removeWidget(self.comments)
            self._panels.insertWidget(1 if first else self._panels.indexOf(self.history), self.comments)

    def peek(self, below: bool) -> None:
        """Hide the masks while a key is held."""
        # also where they are hidden: they may be shown before the key is let go
        self.views.set_overlays_visible(not below)

    # ----------------------------------------------------------------- scan

    @Slot()
    def _scan_changed(self) -> None:
        session = self._session
        # a voxel of the scan before: the zoom that follows must not ask the new one about it
        self._under = None
        start, same = self._start()
        self.views.set_volume(session.volume, session.window, start, same_person=same)
        # already there while a scan comes in, so that the panes do not jump when it may be drawn on
        self.strip.setVisible(session.volume is None or not session.volume.is_picture)
        self._show_overlays()
        self._show_page()
        self._position_changed(self.views.position)

    def _start(self) -> tuple[tuple[int, int, int] | None, bool]:
        """Return the voxel to begin at, and whether the scan is of the patient shown before.

        Another scan of one patient begins at the same place of the head, and so does the second scan.
        """
        left, loaded = self._before, self._session.loaded
        self._before = loaded
        glanced = self.glancing.place_in(loaded)
        if loaded is None:
            return None, False
        if glanced is not None:
            # it was looked at while it came in
            return glanced, True
        if left is None or left is loaded:
            return loaded.start, False
        # what was opened here was the second scan if it has changed places with the one before
        second = self.second.scan
        if left.scan.patient != loaded.scan.patient and (second is None or second.id != left.scan.id):
            return loaded.start, False
        there = world_place(self.views.position, left.volume.geometry, loaded.volume.geometry)
        return there or loaded.start, there is not None

    @Slot(str)
    def _scan_loading(self, _scan_id: str) -> None:
        self._under = None
        self._show_page()
        self._session.pointer_changed.emit(None)

    @Slot()
    def _show_page(self) -> None:
        session = self._session
        self._stack.setCurrentIndex(0 if session.volume is not None or self.glancing.shown else 1)
        self.done.setEnabled(session.can_edit)
        self.finished.setEnabled(session.can_edit)
        project = session.project
        if project is None or session.volume is not None:
            return
        if session.loading or session.jobs.of_kind("import"):
            self.empty.say(text("annotate.loading"), "")
        elif sum(project.counts().values()):
            self.empty.say(text("annotate.choose_title"), text("annotate.choose_words"))
        else:
            words = text("annotate.import_words")
            self.empty.say(text("annotate.import_title"), words, text("actions.import"))

    @Slot()
    def _label_changed(self) -> None:
        self.views.cursor_changed()
        self._show_states()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if change.kind != "state":
            self.views.refresh(change.box)
        if change.kind != "live":
            self._show_states()

    @Slot(object)
    def _show_step(self, step: Step) -> None:
        """Go to where an undone step was, unless it is on the screen already."""
        x, y, z = self.views.position
        low, high = step.box.low, step.box.high
        at: tuple[float, float, float] | None = None
        if step.box != Box((0, 0, 0), (0, 0, 0)):
            middle = [(low[axis] + high[axis] - 1) // 2 for axis in range(3)]
            view = self.views.active.plane_view
            axis = view.slice_axis if view is not None else 0
            if not low[axis] <= (z, y, x)[axis] < high[axis]:
                at = (middle[2], middle[1], middle[0])
        elif step.slices and z not in step.slices:
            at = (x, y, step.slices[0])
        if at is not None:
            self.views.go_to(at)

    # --------------------------------------------------------------- slices

    @Slot()
    def _next(self) -> None:
        self.views.step(1)

    @Slot()
    def _previous(self) -> None:
        self.views.step(-1)

    @Slot()
    def _next_far(self) -> None:
        self.views.step(_FAR)

    @Slot()
    def _previous_far(self) -> None:
        self.views.step(-_FAR)

    @Slot()
    def _first(self) -> None:
        self.views.active.set_index(0)

    @Slot()
    def _last(self) -> None:
        self.views.active.set_index(self.views.active.slices - 1)

    @Slot(int)
    def _go_to_slice(self, place: int) -> None:
        x, y, _ = self.views.position
        self.views.go_to((x, y, place))

    @Slot(object)
    def _position_changed(self, _xyz: object) -> None:
        self.strip.set_index(self.views.position[2])
        self.operations.slice_changed()
        self.classes.slice_changed()
        self._point_again()
        self._show_finished()

    def _show_states(self) -> None:
        label = self._session.label
        self.strip.show_layer(label.layer if label is not None else None, label.color if label else "#000000")
        self._show_finished()

    def _show_finished(self) -> None:
        session = self._session
        editor, label, volume = session.editor, session.label, session.volume
        place = self.views.position[2]
        on = False
        words = ""
        if editor is not None and label is not None and volume is not None:
            states = editor.finished(label.layer)
            on = bool(states[place])
            done = int(states.sum())
            words = text("annotate.finished_count" if done else "annotate.finished_none", done=done, total=len(states))
        key = shown_key(self._actions["finished"])
        self.finished.setText(text("annotate.finished_on" if on else "annotate.finished_off", key=key))
        self.finished.setChecked(on)
        self._actions["finished"].setChecked(on)
        self.finished_count.setText(words)

    @Slot()
    def _show_classes(self) -> None:
        self.strip.show_classes(self.classes.name, self.classes.of_slices(), self.classes.values)

    @Slot()
    def _toggle_finished(self) -> None:
        editor, label = self._session.editor, self._session.label
        if editor is None or label is None:
            return
        place = self.views.position[2]
        self._session.set_finished([label.layer], [place], not editor.finished(label.layer)[place])
        self._show_finished()

    # ----------------------------------------------------------- status bar

    @Slot(object)
    def _hovered(self, xyz: tuple[int, int, int] | None) -> None:
        self._under = self.operator.under = xyz
        pointer = None if xyz is None else Pointer(xyz, self.views.active.magnification, self.second.words_at(xyz))
        self._session.pointer_changed.emit(pointer)

    @Slot()
    def _zoomed(self) -> None:
        self._hovered(self._under)

    def _point_again(self) -> None:
        """The slice changed below a pointer at rest: what is under it is another voxel now."""
        view = self.views.active.plane_view
        if self._under is None or view is None:
            return
        place = list(self._under)
        place[2 - view.slice_axis] = self.views.position[2 - view.slice_axis]
        self._hovered((place[0], place[1], place[2]))
