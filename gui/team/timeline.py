"""Who did what with a scan, when and with what: the audit as a table, searched and written as CSV."""

from __future__ import annotations

import functools
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QWidget

from core.io import atomic
from core.messages import day, text
from core.project.project import Project
from core.review.evaluation_files import table
from gui import theme
from gui.background import Tasks
from gui.jobs.asking import Asker
from gui.roomy import keep_on_screen
from gui.search_field import SearchField
from gui.session import Session
from gui.team.facts_table import Column, FactsModel, make_table, plain

_SIZE = QSize(900, 620)
_MOST = 20_000
"""Lines shown; the file that is written has them all."""


def when_made(value: Any) -> str:
    """Word a time of the index (UTC) in local time."""
    try:
        made = datetime.fromisoformat(str(value)).astimezone()
        return f"{day(made)} {made:%H:%M:%S}"
    except ValueError:
        return plain(value)


COLUMNS = (Column("at", when_made), Column("who"), Column("scan"), Column("what", wide=True), Column("tool"))


class TimelineDialog(QDialog):
    """The lines of one scan, or of the whole project, newest first.

    Parameters
    ----------
    session
        Whose project.
    scan
        Id; empty for the whole project.
    """

    def __init__(self, session: Session, scan: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._scan = scan
        self._rows: list[dict[str, Any]] = []
        self._tasks = Tasks(self)
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self._asker.refused.connect(session.notifier.error)
        self.model = FactsModel(COLUMNS)
        self.view = make_table(self.model, text("team.timeline"))
        self.title = theme.label("", "title")
        self.search = SearchField(text("team.search"))
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(120)
        self._typed.timeout.connect(self._sift)
        self.search.textChanged.connect(self._typed.start)
        self.whole = QCheckBox(text("team.timeline_whole"))
        self.whole.setChecked(not scan)
        self.whole.setEnabled(bool(scan))
        self.whole.toggled.connect(self.refresh)
        self.hidden = theme.label(text("team.timeline_hidden"), "warning", wrap=True)
        self.hidden.hide()
        self.count = theme.label("", "muted")
        self.save = theme.button(text("team.save_timeline"))
        self.save.clicked.connect(self._ask_file)
        self._lay_out()
        session.project_changed.connect(self.close)
        for signal in (session.work_changed, session.scan_updated):
            signal.connect(self.refresh)
        session.reader_changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        self.setWindowTitle(text("team.timeline"))
        self.resize(_SIZE)
        keep_on_screen(self)
        head = theme.row()
        head.addWidget(self.search, 1)
        head.addWidget(self.whole)
        foot = theme.row()
        foot.addWidget(self.count, 1)
        foot.addWidget(self.save)
        column = theme.column(self, margin=theme.space("l"), gap=theme.space("s"))
        column.addWidget(self.title)
        column.addWidget(theme.label(text("team.timeline_hint"), "muted", wrap=True))
        column.addWidget(self.hidden)
        column.addLayout(head)
        column.addWidget(self.view, 1)
        column.addLayout(foot)

    @property
    def busy(self) -> bool:
        """Whether lines are being read."""
        return self._asker.busy or self._typed.isActive()

    @Slot()
    def refresh(self) -> None:
        """Read the lines anew."""
        project = self._session.project
        if project is None:
            return
        scan = "" if self.whole.isChecked() else self._scan
        name = project.scan(scan).name if scan else ""
        self.title.setText(text("team.timeline_scan", scan=name) if scan else text("team.timeline_project"))
        self._asker.ask(_read, project, scan, self._session.team.me)

    @Slot(object)
    def _take(self, read: tuple[list[dict[str, Any]], bool]) -> None:
        self._rows, hidden = read
        self.hidden.setVisible(hidden)
        self.view.setColumnHidden(2, not self.whole.isChecked())
        self._sift()

    @Slot()
    def _sift(self) -> None:
        words = self.search.text().casefold().split()
        shown = [row for row in self._rows if all(word in row["searched"] for word in words)] if words else self._rows
        self.model.show_rows(shown)
        self.count.setText(text("team.timeline_count", count=len(shown)))

    @Slot()
    def _ask_file(self) -> None:
        preferences = self._session.settings.preferences
        stem = Path(preferences.dialog_folder) / "timeline.csv"
        chosen, _ = QFileDialog.getSaveFileName(
            self, text("review.save_table_title"), str(stem), text("review.filter_csv")
        )
        if chosen:
            self.write(Path(chosen) if chosen.casefold().endswith(".csv") else Path(f"{chosen}.csv"))

    def write(self, target: Path) -> None:
        """Write the lines shown, in a thread."""
        self._session.settings.preferences.last_folder = str(target.parent)
        rows = [{name: row[name] for name in ("at", "who", "scan", "what", "tool")} for row in self.model.rows]
        work = functools.partial(_write, target, table(rows).encode())
        self._tasks.start(work, self._written, self._session.notifier.error)

    @Slot(object)
    def _written(self, target: Path) -> None:
        self._session.notifier.tell(text("review.saved_one", file=target.name, folder=target.parent), "good")

    def done(self, result: int) -> None:
        self._typed.stop()
        self._asker.close()
        self._tasks.wait()
        super().done(result)

    def keyPressEvent(self, event: Any) -> None:
        # Return in the search field closes nothing
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)


def _read(project: Project, scan: str, viewer: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the lines that somebody may see, newest first, and whether there are others."""
    from core.team.curtain import curtain
    from core.team.trail import trail

    drawn = curtain(project, viewer)
    there = trail(project, scan=scan, most=_MOST)
    seen = [entry for entry in there if not drawn.hides_line(entry)]

    names = {one.id: one.name for one in project.scans()} if not scan else {scan: project.scan(scan).name}
    rows = []
    for entry in seen:
        row: dict[str, Any] = {
            "at": entry.at,
            "who": entry.who,
            "scan": names.get(entry.scan, ""),
            "what": entry.what,
            "tool": entry.tool or entry.run,
        }
        row["searched"] = " ".join(str(value) for value in row.values()).casefold()
        rows.append(row)
    return rows[::-1], len(seen) < len(there)


def _write(target: Path, content: bytes) -> Path:
    atomic.write_bytes(target, content)
    return target
