"""The tools of Annotate, and what they share."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from core.messages import text
from gui.actions import Actions
from gui.annotate.measuring import MeasureTool
from gui.annotate.operations.operator import Operator
from gui.annotate.operations.proposal import Proposal
from gui.annotate.tools.bench import Bench, PointerTool
from gui.annotate.tools.brush import BrushTool
from gui.annotate.tools.hand import Hand
from gui.annotate.tools.in_space import SpaceJob
from gui.annotate.tools.levels import Levels
from gui.annotate.tools.livewire import ScissorsTool
from gui.annotate.tools.outlines import LassoTool, PolygonTool
from gui.annotate.tools.regions import FillTool, LevelTool
from gui.annotate.tools.suggest import SuggestTool
from gui.annotate.tools.threshold import ThresholdTool
from gui.annotate.tools.wand import WandTool
from gui.session import Session
from gui.viewer.events import ViewTool
from gui.viewer.linked import LinkedViews


class Kit(QObject):
    """Every pointer tool by the id of its action, and the one in the hand.

    Parameters
    ----------
    session
        What is open.
    actions
        ``limit`` and ``limit_invert`` are bound here.
    hand
        Which tool, and the settings of the brush.
    views
        The panes; they get the tool.
    refused
        Called with the key of a reason when something is not possible.
    operator
        Puts in what no pointer draws.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        hand: Hand,
        views: LinkedViews,
        refused: Callable[[str], None],
        operator: Operator,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._actions = actions
        self._hand = hand
        self._views = views
        self.levels = Levels(session, self)
        self.job = SpaceJob(session, self)
        self.bench = Bench(session, hand, views, refused)
        self.threshold = ThresholdTool(self.bench, self.levels, self.job)
        self.ruler = MeasureTool(self.bench)
        self.operator = operator
        self.proposal = Proposal(session, operator, self)
        self.suggest = SuggestTool(self.bench, self.proposal)
        self.pointer: dict[str, PointerTool] = {
            "polygon": PolygonTool(self.bench),
            "lasso": LassoTool(self.bench),
            "scissors": ScissorsTool(self.bench),
            "fill": FillTool(self.bench),
            "wand": WandTool(self.bench, self.levels, self.job),
            "level": LevelTool(self.bench),
            "threshold": self.threshold,
            "suggestions": self.suggest,
            "ruler": self.ruler,
        }
        self.tools: dict[str, ViewTool | None] = {
            "brush": BrushTool(self.bench),
            "erase": BrushTool(self.bench, erase=True),
            "background": BrushTool(self.bench, background=True),
            "navigate": None,
            **self.pointer,
        }
        self._taken = ""
        actions.bind("limit", self._limit)
        actions.bind("limit_invert", self.invert)
        self.levels.changed.connect(self._levels_changed)
        session.scan_changed.connect(self._scan_changed)
        hand.tool_changed.connect(self.take)

    @property
    def busy(self) -> bool:
        """Whether something is being worked out, so that what is seen may change by itself."""
        return self.job.running or self.levels.busy or any(tool.busy for tool in self.pointer.values())

    @Slot()
    def take(self) -> None:
        """Put the tool of the hand into the panes; what the one before had begun waits for it, or is done."""
        before, now = self.pointer.get(self._taken), self.pointer.get(self._hand.tool)
        if before is not None and before is not now:
            before.put_down()
        self._taken = self._hand.tool
        self._views.set_tool(self.tools[self._taken])
        if now is not None and now is not before:
            now.take_up()

    @Slot()
    def invert(self) -> None:
        """Take what lies outside of the range, or within it."""
        levels = self.levels
        if not levels.limiting and self._hand.tool != "threshold":
            self._session.notifier.tell(text("annotate.no_limit"), "info")
            return
        levels.set_inverted(not levels.inverted)

    @Slot()
    def _limit(self) -> None:
        levels = self.levels
        levels.set_limiting(not levels.limiting)
        if levels.limiting:
            self._session.notifier.tell(text("annotate.limited"), "info")
        self._levels_changed()

    @Slot()
    def _levels_changed(self) -> None:
        self._actions["limit"].setChecked(self.levels.limiting)
        self._actions["limit_invert"].setChecked(self.levels.inverted)

    @Slot()
    def _scan_changed(self) -> None:
        self.bench.forget()
        for tool in self.pointer.values():
            tool.forget()
        if self._hand.tool == "threshold":
            self.levels.need()
