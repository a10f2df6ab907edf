"""The regions that a run suggests, in a list beside the scan: look at each, accept it, reject it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QComboBox, QListWidget, QListWidgetItem, QWidget

from core.editing.suggesting import Region
from core.messages import text
from gui import theme
from gui.annotate.amounts import amount
from gui.annotate.operations.proposal import Proposal
from gui.annotate.tools.suggest import SuggestTool
from gui.annotate.versions_list import plain_list
from gui.session import Session
from gui.viewer.linked import LinkedViews

_ROW = 22
_ROWS = 8


class SuggestPanel(QWidget):
    """Shown while the tool is in the hand.

    Parameters
    ----------
    session, views
        What is open, and where it is shown.
    proposal, tool
        What is suggested, and what takes a word on it.
    """

    def __init__(
        self,
        session: Session,
        views: LinkedViews,
        proposal: Proposal,
        tool: SuggestTool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._proposal = proposal
        self.runs = QComboBox()
        self.runs.setAccessibleName(text("suggestions.run"))
        self.runs.activated.connect(self._run_chosen)
        self.words = theme.label("", "muted", wrap=True)
        self.list = QListWidget()
        plain_list(self.list, text("suggestions.title"))
        self.list.currentRowChanged.connect(self._go)
        self.accept = theme.button(text("suggestions.accept"), tip=text("suggestions.accept_tip"))
        self.reject = theme.button(text("suggestions.reject"), tip=text("suggestions.reject_tip"))
        self.here = theme.button(text("suggestions.here"), tip=text("suggestions.here_tip"))
        self.all = theme.button(text("suggestions.all"), tip=text("suggestions.all_tip"))
        self.restore = theme.button("", "small", tip=text("suggestions.restore_tip"))
        for button, slot in (
            (self.accept, self._accept),
            (self.reject, self._reject),
            (self.here, tool.accept_slice),
            (self.all, tool.accept_all),
            (self.restore, proposal.restore),
        ):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(slot)
        one, every = theme.row(gap=6), theme.row(gap=6)
        for button in (self.accept, self.reject):
            one.addWidget(button)
        for button in (self.here, self.all):
            every.addWidget(button)
        inside = theme.section(text("suggestions.title"), self.runs, self.words, self.list, one, every, self.restore)
        theme.column(self).addWidget(inside)
        proposal.changed.connect(self._show)
        session.labels_changed.connect(self._show)
        self._show()

    @property
    def chosen(self) -> Region | None:
        """The region of the row that is chosen."""
        item = self.list.currentItem()
        found: Region | None = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found

    @Slot()
    def _show(self) -> None:
        proposal = self._proposal
        self.words.setText(proposal.words())
        self._show_runs()
        kept = self.chosen
        regions = proposal.open
        self.list.blockSignals(True)
        self.list.clear()
        for region in regions:
            item = QListWidgetItem(self._row(region))
            item.setData(Qt.ItemDataRole.UserRole, region)
            item.setSizeHint(QSize(40, _ROW))
            self.list.addItem(item)
            if kept is not None and kept == region:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        self.list.setFixedHeight(_ROW * min(max(len(regions), 1), _ROWS))
        self.list.setVisible(bool(regions))
        for button in (self.accept, self.reject, self.here, self.all):
            button.setEnabled(bool(regions) and self._session.can_edit)
        for button in (self.accept, self.reject):
            button.setEnabled(self.chosen is not None and self._session.can_edit)
        self.restore.setText(text("suggestions.restore", count=len(proposal.rejected)))
        self.restore.setVisible(bool(proposal.rejected))

    def _show_runs(self) -> None:
        found, runs = self._proposal.suggestion, self._proposal.runs
        self.runs.clear()
        for run, name in runs:
            self.runs.addItem(name, run)
        if found is not None:
            self.runs.setCurrentIndex(max(0, self.runs.findData(found.run)))
        # with one run there is nothing to choose, but its name is told
        self.runs.setVisible(bool(runs))
        self.runs.setEnabled(len(runs) > 1)

    def _row(self, region: Region) -> str:
        volume = self._session.volume
        in_ml = volume is not None and volume.geometry.measurable
        size = amount(region.voxels, volume.geometry.voxel_ml if volume is not None else 0.0, in_ml=in_ml)
        first, last = region.slices
        key = "suggestions.row_slice" if first == last else "suggestions.row"
        if region.pieces > 1:
            key = "suggestions.small"
        return text(key, size=size, first=first + 1, last=last + 1, count=region.pieces)

    @Slot(int)
    def _go(self, _row: int) -> None:
        region = self.chosen
        if region is not None:
            z, y, x = region.middle
            self._views.go_to((x, y, z))
        for button in (self.accept, self.reject):
            button.setEnabled(region is not None and self._session.can_edit)

    @Slot(int)
    def _run_chosen(self, place: int) -> None:
        self._proposal.choose_run(str(self.runs.itemData(place)))

    @Slot()
    def _accept(self) -> None:
        if self.chosen is not None:
            self._proposal.accept((self.chosen.number,))

    @Slot()
    def _reject(self) -> None:
        if self.chosen is not None:
            self._proposal.reject((self.chosen.number,))
