"""The saved versions of the masks: a click shows one as an outline over the scan, a button brings it back."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem, QWidget

from core.messages import text
from core.project.records import LayerVersion
from core.project.saver import SaveState
from gui import theme
from gui.annotate.amounts import amount
from gui.session import Session
from gui.when import when_words


def plain_list(view: QListView, name: str) -> None:
    """Give a list of the right panel its quiet looks."""
    view.setUniformItemSizes(True)
    view.setStyleSheet("QListView { border: none; } QListView::item { padding: 0; margin-left: -2px; }")
    view.setFont(theme.font("small"))
    view.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    view.setAccessibleName(name)


class VersionsList(QWidget):
    """The list with its button."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._active = False
        self._found: list[LayerVersion] = []
        self.list = QListWidget()
        plain_list(self.list, text("annotate.history_versions"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.list.currentItemChanged.connect(self._look)
        self.nothing = theme.label(text("annotate.versions_empty"), "muted", wrap=True)
        self.back = theme.button(text("annotate.version_back"), tip=text("annotate.version_back_tip"))
        self.back.clicked.connect(self._bring_back)
        lay = theme.column(self, gap=6)
        lay.addWidget(self.nothing)
        lay.addWidget(self.list, 1)
        lay.addWidget(self.back)
        # a save is told of at once, but the list may come a moment later
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(300)
        self._later.timeout.connect(self._ask)
        session.versions.listed.connect(self._fill)
        session.scan_changed.connect(self._scan_changed)
        session.save_state_changed.connect(self._saved)
        session.versions.previewed.connect(self._previewed)
        self._fill([])

    def set_active(self, active: bool) -> None:
        """Say whether it is seen: then it is kept up to date, and versions can be looked at."""
        if active == self._active:
            return
        self._active = active
        if active:
            self._ask()
        else:
            self.list.setCurrentRow(-1)
            self._session.versions.clear()

    @Slot(str)
    def _saved(self, state: str) -> None:
        if state == SaveState.SAVED:
            self._ask_later()

    @Slot()
    def _scan_changed(self) -> None:
        # those of the scan before must not be looked at over this one
        self._fill([])
        self._ask_later()

    @Slot()
    def _ask_later(self) -> None:
        if self._active:
            self._later.start()

    @Slot()
    def _ask(self) -> None:
        self._session.versions.ask()

    @Slot(object)
    def _fill(self, found: list[LayerVersion]) -> None:
        chosen = self.chosen()
        self._found = [version for version in found if not version.removed]
        self.list.blockSignals(True)
        self.list.clear()
        now = datetime.now(UTC)
        for version in self._found:
            item = QListWidgetItem(f"{when_words(version.created, now)} · {self._holds(version)}")
            item.setToolTip(self._tip(version))
            item.setData(Qt.ItemDataRole.UserRole, version)
            item.setSizeHint(QSize(40, 22))
            self.list.addItem(item)
            if version == chosen:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)
        if chosen is not None and self.chosen() is None:
            # it was thinned out, or is of another scan: its outline goes with its row
            self._session.versions.clear()
        self.nothing.setVisible(not self._found)
        self.list.setVisible(bool(self._found))
        self._enable()

    def chosen(self) -> LayerVersion | None:
        """Return the version that is looked at."""
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, LayerVersion) else None

    def _holds(self, version: LayerVersion) -> str:
        volume = self._session.volume
        parts = []
        for label in self._session.labels.on_layer(version.layer):
            voxels = version.counts.get(label.value, 0)
            if voxels and volume is not None:
                in_ml = volume.geometry.measurable
                ml = volume.geometry.voxel_ml if in_ml else 0.0
                parts.append(f"{label.name} {amount(voxels, ml, in_ml=in_ml)}")
        return ", ".join(parts) or text("annotate.version_nothing", layer=version.layer)

    def _tip(self, version: LayerVersion) -> str:
        try:
            what = text(f"annotate.saved_by.{version.action or 'draw'}")
        except KeyError:
            what = version.action
        who = version.who or self._session.reader
        return text("annotate.version_tip", who=who, what=what, holds=self._holds(version), number=version.sequence)

    @Slot()
    def _look(self) -> None:
        self._session.versions.look(self.chosen())
        self._enable()

    @Slot()
    def _previewed(self) -> None:
        if self._session.versions.preview is None and self.chosen() is not None:
            self.list.setCurrentRow(-1)

    @Slot()
    def _bring_back(self) -> None:
        version = self.chosen()
        if version is not None:
            self._session.versions.bring_back(version)
            self.list.setCurrentRow(-1)

    def _enable(self) -> None:
        self.back.setEnabled(self.chosen() is not None and self._session.can_edit)
