"""Two tables: how far every two readers agree on every scan and label, and what each reader did."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from core.errors import MeninxError
from core.io import atomic
from core.messages import numeral, text
from core.project.project import Project
from core.review.agreement import Agreement, agreements, summary
from core.review.class_agreement import ClassAgreement, class_agreements, class_words
from core.review.evaluation_files import table
from core.team.statistics import ReaderFigures, reader_figures
from gui import theme
from gui.background import Tasks
from gui.jobs.asking import Asker
from gui.team.facts_table import Column, FactsModel, Row, make_table, plain
from gui.worklist.rows import time_words

if TYPE_CHECKING:
    from gui.session import Session

_AT_ONCE = 16


def _distance(value: Any) -> str:
    return plain(None) if value is None else numeral(value, ".1f")


AGREEMENT = (
    Column("name", wide=True),
    Column("label", wide=True),
    Column("first", wide=True),
    Column("second", wide=True),
    Column("dice", figures=True),
    Column("kappa", figures=True),
    Column("hd95", _distance, figures=True),
    Column("unit"),
    Column("slices", figures=True),
)
FIGURES = (
    Column("reader", wide=True),
    *(Column(name, figures=True) for name in ("assigned", "done", "drawn", "finished_slices")),
    Column("seconds", time_words, figures=True),
    Column("per_slice", lambda value: plain(None) if value is None else text("review.seconds", seconds=round(value)),
           figures=True),
    *(Column(name, figures=True) for name in ("approved", "returned", "comments")),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _Compared:
    """That all pairs of masks were told of, and how the readers agree on classes."""

    stale: threading.Event
    classes: list[ClassAgreement]


class _Table(QWidget):
    """A table with a line of words, written as CSV on request."""

    said = Signal(str)

    def __init__(self, session: Session, columns: tuple[Column, ...], name: str, order: tuple[str, bool]) -> None:
        super().__init__()
        self._session = session
        self._name = name
        self._tasks = Tasks(self)
        self.model = FactsModel(columns, order)
        self.view = make_table(self.model, text(f"team.{name}"))
        self.words = theme.label("", "muted", wrap=True)
        column = theme.column(self, gap=theme.space("s"))
        column.setContentsMargins(theme.space("m"), theme.space("s"), theme.space("m"), theme.space("m"))
        column.addWidget(self.words)
        column.addWidget(self.view, 1)
        session.project_changed.connect(self._project_changed)

    @Slot()
    def _project_changed(self) -> None:
        self.forget()
        if self._session.project is None:
            self._tasks.wait()

    def forget(self) -> None:
        """Show nothing any more."""
        self.model.show_rows([])
        self.words.clear()

    def save(self) -> None:
        """Write the rows as CSV, in the order they stand."""
        preferences = self._session.settings.preferences
        stem = Path(preferences.dialog_folder) / f"{self._name}.csv"
        chosen, _ = QFileDialog.getSaveFileName(
            self, text("review.save_table_title"), str(stem), text("review.filter_csv")
        )
        if chosen:
            self.write(Path(chosen) if chosen.casefold().endswith(".csv") else Path(f"{chosen}.csv"))

    def write(self, target: Path) -> None:
        """Write the rows to a file, in a thread."""
        self._session.settings.preferences.last_folder = str(target.parent)
        content = table(self.model.as_csv()).encode()
        work = functools.partial(_write, target, content)
        self._tasks.start(work, self._written, self._session.notifier.error)

    @Slot(object)
    def _written(self, target: Path) -> None:
        self._session.notifier.tell(text("review.saved_one", file=target.name, folder=target.parent), "good")


class AgreementTable(_Table):
    """Every scan that two people have read, label by label and pair by pair; filled as it is worked out."""

    open_asked = Signal(str, str, str, str)
    """Scan (id), label, and the two readers of a row."""
    _found = Signal(object, object)

    def __init__(self, session: Session) -> None:
        super().__init__(session, AGREEMENT, "agreement_table", ("dice", False))
        self._stale: threading.Event | None = None
        self._all: list[Agreement] = []
        self._classes: list[ClassAgreement] = []
        self._found.connect(self._take)
        self.view.doubleClicked.connect(self._open)

    @property
    def busy(self) -> bool:
        """Whether pairs are still compared."""
        return self._stale is not None

    def refresh(self) -> None:
        """Compare all pairs anew."""
        project = self._session.project
        self.forget()
        if project is None:
            return
        self._stale = stale = threading.Event()
        self.words.setText(text("team.comparing"))
        work = functools.partial(_compare, project, stale, functools.partial(self._found.emit, stale))
        self._tasks.start(work, self._done, self._failed)

    def forget(self) -> None:
        """Stop comparing; nothing is shown any more."""
        if self._stale is not None:
            self._stale.set()
        self._stale = None
        self._all = []
        super().forget()

    @Slot(object, object)
    def _take(self, stale: threading.Event, found: list[Agreement]) -> None:
        if stale is self._stale:
            self._all += found
            self.model.add([dataclasses.asdict(one) for one in found])
            self.words.setText(text("team.compared_so_far", count=len(self._all)))

    @Slot(object)
    def _done(self, compared: _Compared) -> None:
        if compared.stale is self._stale:
            self._stale = None
            self._classes = compared.classes
            lines = [summary_words(self._all), *map(class_words, self._classes)]
            self.words.setText("\n".join(line for line in lines if line) or text("team.no_pairs"))

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        if self._stale is not None:
            self._stale = None
            self._session.notifier.error(error)

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        row: Row = self.model.rows[index.row()]
        self.open_asked.emit(row["scan"], row["label"], row["first"], row["second"])

    def close_table(self) -> None:
        """End the thread."""
        self.forget()
        self._tasks.wait()


class FiguresTable(_Table):
    """What each reader was given, did, and how it was received."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, FIGURES, "readers_table", ("reader", False))
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self._asker.refused.connect(session.notifier.error)

    @property
    def busy(self) -> bool:
        """Whether the figures are being read."""
        return self._asker.busy

    def refresh(self) -> None:
        """Read the figures anew."""
        if self._session.project is not None:
            self._asker.ask(reader_figures, self._session.project)

    @Slot(object)
    def _take(self, found: list[ReaderFigures]) -> None:
        rows = [dataclasses.asdict(one) | {"per_slice": one.seconds_per_slice} for one in found]
        self.model.show_rows(rows)
        self.words.setText("" if rows else text("team.no_readers"))

    def close_table(self) -> None:
        """End the thread."""
        self._asker.close()
        self._tasks.wait()


def summary_words(found: list[Agreement]) -> str:
    """Word the mean of every pair of readers and label, a line each."""
    lines = []
    for row in summary(found):
        figures = [(text(f"team.row_{name}"), row[name]["mean"]) for name in ("dice", "kappa")]
        said = "  ".join(f"{name} {numeral(value, '.3f')}" for name, value in figures if value is not None)
        lines.append(text("team.summary_line", **{key: row[key] for key in ("label", "first", "second", "scans")},
                          said=said or "—"))  # fmt: skip
    return "\n".join(lines)


def _compare(project: Project, stale: threading.Event, tell: Callable[[list[Agreement]], None]) -> _Compared:
    """Runs in a thread."""
    fresh: list[Agreement] = []
    for one in agreements(project):
        if stale.is_set():
            break
        fresh.append(one)
        if len(fresh) >= _AT_ONCE:
            tell(fresh)
            fresh = []
    if fresh:
        tell(fresh)
    return _Compared(stale, [] if stale.is_set() else class_agreements(project))


def _write(target: Path, content: bytes) -> Path:
    atomic.write_bytes(target, content)
    return target
