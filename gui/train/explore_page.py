"""What there is to learn from, looked at before training: balance, places, sizes, brightness, look-alikes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QProgressBar, QStackedWidget, QWidget

from core.errors import MeninxError
from core.events import JobEvent, Progress
from core.labels import Label
from core.learning.explore_found import Exploration, Explored
from core.messages import text
from gui import theme
from gui.background import Tasks
from gui.empty import EmptyPage
from gui.jobs.jobs import Work, time_left
from gui.train.findings import Findings

if TYPE_CHECKING:
    from gui.session import Session

STEPS = 1000


class ExplorePage(QWidget):
    """The page: one button to look, cards with what was found."""

    remarked = Signal(list)
    """What is to be looked at before training, in sentences; empty for nothing, or while nothing is known."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._labels: list[Label] = []
        self._work: Work | None = None
        self._found: Exploration | None = None
        self.findings: Findings | None = None
        """The cards; None while nobody has looked yet."""
        self._folder = Path.home()
        self._tasks = Tasks(self)
        self._title = theme.label(text("explore_page.title"), "title")
        self._facts = theme.label("", "muted")
        self.look = theme.button(text("explore_page.again"))
        self.look.clicked.connect(self.start)
        self.stop = theme.button(text("explore_page.stop"), "danger")
        self.stop.clicked.connect(self._stop)
        self.save = theme.button(text("explore_page.save"), tip=text("explore_page.save_tip"))
        self.save.clicked.connect(self._ask_save)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(self._title)
        top.addSpacing(theme.space("xs"))
        top.addWidget(self._facts, 1)
        for button in (self.save, self.look, self.stop):
            top.addWidget(button)
        self._bar = QProgressBar()
        self._bar.setProperty("kind", "large")
        self._bar.setTextVisible(False)
        self._line = theme.label("", "muted")
        self._empty = EmptyPage()
        self._empty.asked.connect(self.start)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        outer = theme.column(self, gap=theme.space("s"))
        outer.addLayout(top)
        outer.addWidget(self._bar)
        outer.addWidget(self._line)
        outer.addWidget(self._stack, 1)
        session.jobs.said.connect(self._said)
        session.jobs.ended.connect(self._ended)
        session.project_changed.connect(self._forget)
        self._show()

    # -------------------------------------------------------------- looking

    @property
    def found(self) -> Exploration | None:
        """What is shown."""
        return self._found

    @Slot(list)
    def set_labels(self, labels: list[Label]) -> None:
        """Look at other labels; what was found of others is not theirs."""
        names = [label.name for label in labels]
        changed = names != [label.name for label in self._labels]
        self._labels = list(labels)
        if changed and self._work is None:
            self._found = None
        self._show()

    @Slot()
    def start(self) -> None:
        """Look, in a child of its own."""
        if self._work is not None or not self._labels:
            return
        try:
            self._work = self._session.jobs.start_exploring([label.name for label in self._labels])
            # now, and not in the turn that fills them
            self._made()
        except MeninxError as error:
            self._session.notifier.error(error)
        self._show()

    @Slot()
    def _stop(self) -> None:
        if self._work is not None:
            self._session.jobs.cancel(self._work)
            self.stop.setEnabled(False)

    @Slot(object, object)
    def _said(self, work: Work, event: JobEvent) -> None:
        if work is not self._work:
            return
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Explored):
            self._found = event.found
            self.show_findings(event.found)

    @Slot(object)
    def _ended(self, work: Work) -> None:
        if work is not self._work:
            return
        self._work = None
        if work.error is not None:
            self._session.notifier.error(work.error)
        self._show()

    @Slot()
    def _forget(self) -> None:
        self._work = self._found = None
        self._show()

    # -------------------------------------------------------------- showing

    def show_findings(self, found: Exploration) -> None:
        """Show what was found."""
        self._made().fill(found)

    def _made(self) -> Findings:
        """Return the cards, made when somebody first looks: most sessions never do."""
        if self.findings is None:
            self.findings = Findings()
            self.findings.scan_asked.connect(self._open_scan)
            self._stack.addWidget(self.findings)
        return self.findings

    def _show(self) -> None:
        running, names = self._work is not None, ", ".join(label.name for label in self._labels)
        self.stop.setVisible(running)
        self.stop.setEnabled(True)
        self.look.setVisible(not running and self._found is not None)
        self.look.setEnabled(bool(self._labels))
        self.save.setVisible(not running and self._found is not None)
        self._bar.setVisible(running)
        self._line.setVisible(running)
        self._facts.setText(names)
        self.remarked.emit([] if self._found is None else [remark.words for remark in self._found.warnings])
        if running:
            self._bar.setRange(0, 0)
            self._line.setText(text("explore_page.starting"))
        if self._found is not None:
            self._stack.setCurrentIndex(1)
            return
        self._stack.setCurrentIndex(0)
        if running:
            self._empty.say(text("explore_page.looking_title"), text("explore_page.looking_words"))
        elif not self._labels:
            self._empty.say(text("explore_page.title"), text("train.no_label_chosen"))
        else:
            words = text("explore_page.empty_words", labels=names)
            self._empty.say(text("explore_page.empty_title"), words, text("explore_page.start"))

    def _show_progress(self, event: Progress) -> None:
        if event.total:
            self._bar.setRange(0, STEPS)
            self._bar.setValue(round(STEPS * event.done / event.total))
        parts = [text(f"stages.{event.stage}")]
        if event.total:
            parts.append(text("jobs.done_of", done=event.done, total=event.total))
        if event.detail:
            parts.append(event.detail)
        if event.seconds_left >= 0:
            parts.append(time_left(event.seconds_left))
        self._line.setText("  ·  ".join(parts))

    @Slot(str)
    def _open_scan(self, name: str) -> None:
        project = self._session.project
        scan = next((one for one in project.scans() if one.name == name), None) if project is not None else None
        if scan is not None:
            self._session.open_scan(scan.id)
            self._session.workspace_requested.emit("annotate")

    # --------------------------------------------------------------- saving

    @Slot()
    def _ask_save(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, text("explore_page.save_title"), str(self._folder))
        if chosen and self._found is not None:
            self._folder = Path(chosen)
            self.save_to(self._folder)

    def save_to(self, folder: Path) -> None:
        """Write tables and pictures of what was found into a folder, off the window's thread."""
        if self._found is not None:
            self._tasks.start(functools.partial(_write, self._found, folder), self._saved, self._refused)

    @Slot(object)
    def _saved(self, files: Sequence[Path]) -> None:
        words = text("explore_page.saved", count=len(files), folder=files[0].parent)
        self._session.notifier.tell(words, "good")

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._session.notifier.error(error)

    def close_page(self) -> None:
        """Wait for what is written."""
        self._tasks.wait()


def _write(found: Exploration, folder: Path) -> list[Path]:
    from core.learning.explore_files import write  # draws pictures: not before it is needed

    return write(found, folder)
