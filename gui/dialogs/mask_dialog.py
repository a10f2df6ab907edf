"""A mask file for the scan that is open: what it holds, which labels it is, and resampling only when asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QProgressBar, QScrollArea, QWidget

from core.errors import InputError, MeninxError
from core.geometry import Geometry
from core.io.sandbox import Decoder
from core.io.source import MaskData
from core.messages import numeral, sentence, text
from gui import theme
from gui.correcting import Reach
from gui.dialogs.base import Dialog
from gui.dialogs.importing import words
from gui.jobs.asking import Asker
from gui.session import Session

_OTHER_GRID = "mask-grid"
_FOR_A_SCAN = {"mask-size": "mask-file-size"}
"""The reader's words tell of an import, where a scan comes in without its mask."""
_MOST_ROWS = 6
_ROW = 36


@dataclass(frozen=True, eq=False)
class ReadMask:
    """A mask as it was read, and how many voxels each of its values has."""

    data: MaskData
    counts: dict[int, int]


def read(decoder: Decoder, path: Path, geometry: Geometry, resample: bool) -> ReadMask:
    """Read a mask file in the decoding child for a scan of this grid; any thread.

    Raises
    ------
    InputError
        ``mask-grid`` for another grid unless ``resample``; what the reader says.
    """
    data = decoder.read_mask_file(path, geometry, resample=resample)
    counts = {value: int(np.count_nonzero(data.array == value)) for value in data.values}
    return ReadMask(data, counts)


class MaskDialog(Dialog):
    """Reads a mask beside the window, shows what it holds and asks which labels it is.

    Parameters
    ----------
    session
        Whose open scan gets it.
    path
        The mask file.
    """

    def __init__(self, session: Session, path: Path, parent: QWidget | None = None) -> None:
        scan, volume = session.scan, session.volume
        assert scan is not None
        assert volume is not None
        super().__init__(text("maskfile.title", scan=scan.name), text("maskfile.accept"), parent, width=560)
        self._session = session
        self._scan = scan.name
        self._geometry = volume.geometry
        self._path = path
        self._decoder = Decoder()
        self._asker = Asker(self)
        self._asker.answered.connect(self._read)
        self._asker.refused.connect(self._refused)
        self.found: ReadMask | None = None
        self.fields: dict[int, QComboBox] = {}
        self.body.addWidget(theme.label(path.name, "strong", wrap=True))
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.said = theme.label(text("maskfile.reading"), wrap=True)
        self.question = theme.label(text("maskfile.grid_ask"), "muted", wrap=True)
        self.resample = theme.primary_button(text("maskfile.resample"))
        self.resample.clicked.connect(self._resample)
        self.ask_words = theme.label(text("maskfile.label"))
        self.rows = QWidget()
        self._grid = QGridLayout(self.rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(2, 1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(self.rows)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.finish = QCheckBox(text("maskfile.finish"))
        self.finish.setToolTip(text("maskfile.finish_tip"))
        self.finish.setChecked(True)
        self.replaces = theme.label(text("maskfile.replaces", scan=self._scan), "muted", wrap=True)
        above: tuple[QWidget, ...] = (self.busy, self.said, self.question, self.resample, self.ask_words)
        for widget in (*above, self._scroll, self.finish, self.replaces):
            self.body.addWidget(widget)
        self.setMinimumHeight(300)
        self._show("reading")
        self._asker.ask(read, self._decoder, path, self._geometry, False)

    def _show(self, state: str) -> None:
        """Show what belongs to a state: ``reading``, ``grid``, ``read`` or ``refused``."""
        self.busy.setVisible(state == "reading")
        asking: tuple[QWidget, ...] = (self.question, self.resample)
        for widget in asking:
            widget.setVisible(state == "grid")
        answers: tuple[QWidget, ...] = (self.ask_words, self._scroll, self.finish, self.replaces)
        for widget in answers:
            widget.setVisible(state == "read" and bool(self.fields))
        self.accept_button.setVisible(state in ("reading", "read"))
        self._check()

    @Slot()
    def _resample(self) -> None:
        self.said.setText(text("maskfile.reading"))
        theme.set_role(self.said, "")
        self._show("reading")
        self._asker.ask(read, self._decoder, self._path, self._geometry, True)

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        if error.code == _OTHER_GRID:
            self.said.setText(text("maskfile.grid", scan=self._scan, difference=error.fields.get("difference", "")))
            theme.set_role(self.said, "warning")
            self._show("grid")
            return
        worded = MeninxError(_FOR_A_SCAN.get(error.code, error.code), **error.fields)
        self.said.setText(sentence(worded))
        theme.set_role(self.said, "danger")
        self._show("refused")

    @Slot(object)
    def _read(self, found: ReadMask) -> None:
        self.found = found
        data = found.data
        lines = [
            text("maskfile.convention", convention=words.convention(data, resampled=False)),
            text("maskfile.covers", slices=sum(data.present), total=len(data.present)),
        ]
        lines += [words.without_name(notice, self._path.name) for notice in data.notices]
        if not data.values:
            lines.append(text("maskfile.empty"))
        self.said.setText("\n".join(lines))
        theme.set_role(self.said, "")
        self._make_rows(found)
        self._show("read")
        self.adjustSize()

    def _make_rows(self, found: ReadMask) -> None:
        names = [label.name for label in self._session.labels]
        several = len(found.data.values) > 1
        named = dict(found.data.names)
        self.ask_words.setText(text("maskfile.labels" if several else "maskfile.label"))
        for place, value in enumerate(found.data.values):
            field = QComboBox()
            field.setEditable(True)
            field.addItems([*([text("maskfile.leave_out")] if several else []), *names])
            drawn = self._session.label
            if value in named:
                field.setCurrentText(named[value])
            elif not several and drawn is not None:
                field.setCurrentText(drawn.name)
            word = text("maskfile.value", value=words.value_word(found.data, value))
            field.setAccessibleName(word)
            field.currentTextChanged.connect(self._check)
            self.fields[value] = field
            self._grid.addWidget(theme.label(word), place, 0)
            count = numeral(found.counts[value], ",")
            self._grid.addWidget(theme.label(text("maskfile.voxels", count=count), "muted"), place, 1)
            self._grid.addWidget(field, place, 2)
        self._scroll.setFixedHeight(_ROW * min(_MOST_ROWS, max(1, len(self.fields))) + 4)

    def names(self) -> dict[int, str]:
        """Return the label's name of each value that is taken."""
        out = text("maskfile.leave_out")
        found = {value: field.currentText().strip() for value, field in self.fields.items()}
        return {value: name for value, name in found.items() if name and name != out}

    @Slot()
    def _check(self) -> None:
        self.accept_button.setEnabled(self.found is not None and bool(self.names()))

    def accept(self) -> None:
        """Put the mask on the scan, as one step that can be undone."""
        session, found = self._session, self.found
        if found is None or not self.names():
            return
        labels = session.labels
        masks: dict[str, NDArray[np.uint8]] = {}
        try:
            for value, name in self.names().items():
                there = labels.find(name)
                if there is not None and there.locked:
                    raise InputError("label-locked", name=there.name)
                if there is None:
                    labels = labels.with_label(name)
                hits = (found.data.array == value).astype(np.uint8)
                known = there.name if there is not None else name
                masks[known] = np.maximum(masks[known], hits) if known in masks else hits
            if labels != session.labels:
                session.change_labels(labels)
        except MeninxError as error:
            self.said.setText(sentence(error))
            theme.set_role(self.said, "danger")
            return
        covered = tuple(index for index, present in enumerate(found.data.present) if present)
        session.put_masks(masks, covered if self.finish.isChecked() else [], Reach(covered, found.data.grid))
        super().accept()

    def done(self, result: int) -> None:
        """Close the dialog: the decoding child ends with it."""
        self._decoder.close()
        self._asker.close()
        super().done(result)
