"""What the headers say of the scan shown: searchable, and without identity unless asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Slot,
)
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QCheckBox, QDialog, QFrame, QHeaderView, QSpinBox, QTableView, QWidget

from core.distances import between_slices
from core.errors import MeninxError
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.io.source import HIDDEN, HeaderEntry, Source
from core.messages import comma, numeral, sentence, text
from core.project.project import Project
from core.volume import Volume
from gui import theme
from gui.jobs.asking import Asker
from gui.quiet_table import make_quiet
from gui.roomy import keep_on_screen
from gui.search_field import SearchField
from gui.session import Session

Index = QModelIndex | QPersistentModelIndex
_SIZE = QSize(820, 640)
_FACTS = frozenset(
    {
        *("format", "echo_time", "repetition_time", "inversion_time", "flip_angle", "field_strength"),
        *("slice_thickness", "kvp", "bits_stored", "missing_slices", "uneven_slices", "tilt_degrees"),
        *("volume", "volumes", "dataset", "series", "contrast"),
    }
)
"""Facts that have a name in the catalogue; others are shown under their own."""


@dataclass(frozen=True)
class Original:
    """What the original file says: its lines, how many files the scan came from, or why there are none."""

    entries: tuple[HeaderEntry, ...] = ()
    files: int = 0
    name: str = ""
    error: MeninxError | None = None


def read_original(project: Project, scan: str, number: int, decoder: Decoder, identity: bool) -> Original:
    """Read the header of one of the files that a scan came from, in the decoding child; any thread.

    Parameters
    ----------
    scan
        Id.
    number
        Which of its files, from 0.
    identity
        Whether values that could tell who the patient is are read at all.

    Returns
    -------
    Original
        Without lines where this workstation does not know the files, or they are gone.
    """
    link = project.links.scan(scan)
    if link is None or not link.source:
        return Original(error=MeninxError("header-no-links"))
    path = Path(link.source[min(number, len(link.source) - 1)])
    try:
        # what the file is, is looked at again where it is read
        entries = decoder.entries(Source(Format.DICOM, (path,), path.name), identity=identity)
    except MeninxError as error:
        gone = error.code in ("file-missing", "file-unreadable")
        shown = MeninxError("header-original-gone", file=path.name) if gone else error
        return Original(files=len(link.source), name=path.name, error=shown)
    return Original(entries, len(link.source), path.name)


def facts_of(volume: Volume) -> list[HeaderEntry]:
    """Return what the project keeps of a scan's header; it holds no identity."""
    geometry = volume.geometry
    z, y, x = volume.shape
    _, dy, dx = geometry.spacing
    unknown = text("header.unknown")
    rows = [
        ("modality", volume.modality or unknown),
        ("size", f"{x} × {y} × {z}" + (f" × {len(volume.channels)}" if volume.channels else "")),
        (
            "spacing",
            comma(f"{dx:.4g} × {dy:.4g} × {between_slices(geometry, 4)} mm") if geometry.spacing_known else unknown,
        ),
        ("axes", geometry.axis_codes if geometry.orientation_known else unknown),
        ("stored", f"{volume.array.dtype}"),
        ("rescale", comma(f"× {volume.slope:g} {'−' if volume.intercept < 0 else '+'} {abs(volume.intercept):g}")),
    ]
    rows += [
        ("window", f"{one.name + ': ' if one.name else ''}{numeral(one.center, 'g')} / {numeral(one.width, 'g')}")
        for one in volume.windows
    ]
    lines = [HeaderEntry("", text(f"header.{name}"), value) for name, value in rows]
    for name, value in volume.facts.items():
        words = text(f"header.fact_{name}") if name in _FACTS else name.replace("_", " ").capitalize()
        lines.append(HeaderEntry("", words, numeral(value, "g") if isinstance(value, float) else str(value)))
    return lines


class HeaderModel(QAbstractTableModel):
    """Tag, name and value of each line; a line with depth -1 is a heading."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.lines: list[HeaderEntry] = []

    def show_lines(self, lines: Sequence[HeaderEntry]) -> None:
        """Show other lines."""
        self.beginResetModel()
        self.lines = list(lines)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own
        return 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return text(f"header.column_{('tag', 'name', 'value')[section]}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        line, column = self.lines[index.row()], index.column()
        heading = line.depth < 0
        hidden = line.identity and line.value == HIDDEN
        if role == Qt.ItemDataRole.DisplayRole:
            value = text("header.hidden") if hidden else line.value
            return (line.tag, "    " * max(0, line.depth) + line.name, value)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.value if column == 2 and not hidden else None
        if role == Qt.ItemDataRole.ForegroundRole:
            if heading:
                return theme.qcolor("muted")
            if hidden:
                return theme.qcolor("faint")
            return theme.qcolor(("muted", "text", "warning" if line.identity else "text_bright")[column])
        if role == Qt.ItemDataRole.FontRole:
            return theme.font("heading", weight=QFont.Weight.Bold) if heading else None
        return None


class _Filter(QSortFilterProxyModel):
    """Shows the lines that hold every word in tag, name or value; headings always."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []

    def set_words(self, words: str) -> None:
        self.beginFilterChange()
        self._words = words.casefold().split()
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        model = self.sourceModel()
        if not self._words or not isinstance(model, HeaderModel):
            return True
        line = model.lines[row]
        whole = f"{line.tag} {line.name} {line.value}".casefold()
        return line.depth < 0 or all(word in whole for word in self._words)


class HeaderPanel(QDialog):
    """A window beside the main one that follows the scan shown.

    Parameters
    ----------
    session
        Whose scan it is about.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._original = Original()
        self._decoder: Decoder | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._answered)
        self._asker.refused.connect(self._refused)
        self.setWindowTitle(text("header.title"))
        self.setObjectName("header")
        theme.style(self, "#header { border: 1px solid $line_strong; }")
        self.title = theme.label("", "title")
        self.model = HeaderModel(self)
        self._filter = _Filter(self)
        self._filter.setSourceModel(self.model)
        self.search = SearchField(text("header.search"))
        self.search.textChanged.connect(self._searched)
        self.identity = QCheckBox(text("header.identity"))
        self.identity.setToolTip(text("header.identity_tip"))
        self.identity.toggled.connect(self._ask)
        self.file = QSpinBox()
        self.file.setMinimum(1)
        self.file.setKeyboardTracking(False)
        self.file.setAccessibleName(text("header.file"))
        theme.inset(self.file)
        self.file.valueChanged.connect(self._ask)
        self.file_words = theme.label("", "muted")
        self.note = theme.label("", "muted", wrap=True)
        self.table = self._make_table()
        self._lay_out()
        self.resize(_SIZE)
        keep_on_screen(self)
        session.scan_changed.connect(self._scan_changed)
        self._scan_changed()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._filter)
        table.setAccessibleName(text("header.title"))
        make_quiet(table, 26)
        # several lines at a time are copied
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setFrameShape(QFrame.Shape.NoFrame)
        table.setAlternatingRowColors(True)
        head = table.horizontalHeader()
        head.setStretchLastSection(True)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, wide in ((0, 116), (1, 290)):
            head.resizeSection(column, wide)
        return table

    def _lay_out(self) -> None:
        lay = theme.column(self, margin=theme.space("l"), gap=theme.space("m"))
        head = theme.row(gap=theme.space("m"))
        head.addWidget(self.title, 1)
        head.addWidget(self.file_words)
        head.addWidget(self.file)
        lay.addLayout(head)
        lay.addWidget(self.search)
        lay.addWidget(self.table, 1)
        lay.addWidget(self.note)
        foot = theme.row()
        foot.addWidget(self.identity, 1)
        close = theme.button(text("dialogs.close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        foot.addWidget(close)
        lay.addLayout(foot)

    # --------------------------------------------------------------- reading

    @Slot()
    def _scan_changed(self) -> None:
        """Show another scan; what is asked for of identity does not carry over to it."""
        scan = self._session.scan
        self._original = Original()
        for widget in (self.identity, self.file):
            widget.blockSignals(True)
        self.identity.setChecked(False)
        self.file.setValue(1)
        for widget in (self.identity, self.file):
            widget.blockSignals(False)
        self.title.setText(text("header.of", scan=scan.name) if scan is not None else text("header.title"))
        self._show()
        self._ask()

    @Slot()
    def _ask(self) -> None:
        project, scan = self._session.project, self._session.scan
        if project is None or scan is None:
            self._asker.forget()
            return
        if self._decoder is None:
            self._decoder = Decoder()
        shown = self.identity.isChecked()
        self._asker.ask(read_original, project, scan.id, self.file.value() - 1, self._decoder, shown)

    @Slot(object)
    def _answered(self, original: Original) -> None:
        self._original = original
        self._show()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._original = Original(error=error)
        self._show()

    @Slot(str)
    def _searched(self, words: str) -> None:
        self._filter.set_words(words)

    def _show(self) -> None:
        volume, original = self._session.volume, self._original
        lines: list[HeaderEntry] = []
        if volume is not None:
            lines += [HeaderEntry("", text("header.kept").upper(), "", depth=-1), *facts_of(volume)]
        if original.entries:
            lines += [HeaderEntry("", text("header.original").upper(), "", depth=-1), *original.entries]
        place = self.table.verticalScrollBar().value()
        self.model.show_lines(lines)
        self.table.verticalScrollBar().setValue(place)
        several = original.files > 1
        self.file.setVisible(several)
        self.file_words.setVisible(several)
        if several:
            self.file.blockSignals(True)
            self.file.setMaximum(original.files)
            self.file.blockSignals(False)
            self.file_words.setText(text("header.file_of", count=original.files))
        hidden = sum(line.identity and line.value == HIDDEN for line in original.entries)
        words = text("header.hidden_count", count=hidden) if hidden else ""
        if self.identity.isChecked() and original.entries:
            words = text("header.on_screen_only")
        if original.error is not None:
            words = sentence(original.error)
        self.note.setText(words)
        self.note.setVisible(bool(words))
        self.identity.setEnabled(bool(original.entries))

    def done(self, result: int) -> None:
        """Close the window: the decoding child and the thread that waits for it end with it."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()
        self._asker.close()
        super().done(result)
