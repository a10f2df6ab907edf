"""What each step of the preparation does to the scan that is open: before and after, to be judged by eye."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QDialog, QFrame, QGridLayout, QScrollArea, QSlider, QWidget

from core.errors import MeninxError
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.learning.prepare_pictures import SHOWN, WINDOWS, Shown, is_used, look, with_step
from core.messages import sentence, text
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume
from gui import theme
from gui.jobs.asking import Asker
from gui.roomy import keep_on_screen
from gui.train.samples import Tile

SIDE = 232
_WAIT_MS = 120
_MOST = 4
_WIDE = ("denoise=median", "denoise=nlm", WINDOWS)


class StepCard(QFrame):
    """One step: a box to tick, and the pictures."""

    def __init__(self, step: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self.step = step
        shown = Shown(step, used=False)
        self.use = QCheckBox(shown.name)
        self.words = theme.label(shown.words, "muted", wrap=True)
        self.tiles = [Tile() for _ in range(_MOST)]
        pictures = theme.row(gap=theme.space("s"))
        for tile in self.tiles:
            tile.setFixedSize(SIDE, SIDE)
            tile.hide()
            pictures.addWidget(tile)
        pictures.addStretch(1)
        outer = theme.column(self, margin=theme.space("m"), gap=6)
        outer.addWidget(self.use)
        outer.addWidget(self.words)
        outer.addLayout(pictures)

    def fill(self, shown: Shown) -> None:
        """Show what the step does."""
        self.words.setText(shown.why or shown.words)
        theme.set_role(self.words, "warning" if shown.why else "muted")
        pictures = [tile for tile in (shown.before, *shown.after) if tile is not None]
        for number, tile in enumerate(self.tiles):
            tile.setVisible(number < len(pictures))
            if number < len(pictures):
                tile.show_picture(_image(pictures[number].picture), shown.titles[number], pictures[number].words)


def _image(picture: NDArray[np.uint8]) -> QImage:
    rows, columns = picture.shape
    whole = np.ascontiguousarray(picture)
    return QImage(whole.data, columns, rows, columns, QImage.Format.Format_Grayscale8).copy()


class PrepareDialog(QDialog):
    """Steps with their pictures; those ticked are used for the next run.

    Parameters
    ----------
    project, scan
        Whose slice is shown.
    config
        As it is chosen now.
    volume
        Of the scan, where it is read already.
    """

    def __init__(
        self,
        project: Project,
        scan: Scan,
        config: TrainingConfig,
        *,
        volume: Volume | None = None,
        index: int = -1,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(text("train.pictures_title"))
        self._project, self._scan, self._volume = project, scan, volume
        self.preparation = replace(Preparation.of(config), slices=1)
        self._classifies = config.classifies
        self._stale = threading.Event()
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self._asker.refused.connect(self._refused)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._ask)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(1, scan.shape[0])
        self.slider.setValue((index if index >= 0 else scan.shape[0] // 2) + 1)
        self.slider.setVisible(scan.shape[0] > 1)
        self.slider.setAccessibleName(text("boxes.slice"))
        self.slider.valueChanged.connect(self._moved)
        self._facts = theme.label("", "muted")
        self.cards = {step: StepCard(step) for step in SHOWN}
        for card in self.cards.values():
            card.use.clicked.connect(self._switched)
        self._lay_out()
        self._show_ticks()
        self._moved()
        self.resize(1080, 720)
        keep_on_screen(self)

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setProperty("area", "clear")
        grid = QGridLayout(inner)
        grid.setContentsMargins(0, 0, theme.space("m"), 0)
        grid.setSpacing(theme.space("s"))
        place = 0
        for step, card in self.cards.items():
            # more than two pictures take the whole width
            wide = step in _WIDE
            place += place % 2 if wide else 0
            grid.addWidget(card, place // 2, place % 2, 1, 2 if wide else 1)
            place += 2 if wide else 1
        grid.setRowStretch(place // 2 + 1, 1)
        self.area = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        top = theme.row(gap=theme.space("m"))
        top.addWidget(theme.label(text("train.pictures_title"), "title"))
        top.addWidget(self._facts)
        top.addStretch(1)
        self.slider.setFixedWidth(260)
        top.addWidget(self.slider)
        cancel = theme.button(text("train.expert_cancel"))
        cancel.clicked.connect(self.reject)
        keep = theme.primary_button(text("train.expert_keep"))
        keep.setDefault(True)
        keep.clicked.connect(self.accept)
        foot = theme.row()
        foot.addWidget(theme.label(text("train.pictures_words"), "muted", wrap=True), 1)
        foot.addWidget(cancel)
        foot.addWidget(keep)
        outer = theme.column(self, margin=theme.space("l"), gap=theme.space("m"))
        outer.addLayout(top)
        outer.addWidget(scroll, 1)
        outer.addLayout(foot)

    @property
    def busy(self) -> bool:
        """Whether pictures are on their way."""
        return self._asker.busy or self._wait.isActive()

    @Slot()
    def _moved(self) -> None:
        words = {"scan": self._scan.name, "slice": self.slider.value()}
        self._facts.setText(text("train.sample_title", **words))
        self._wait.start()

    @Slot()
    def _switched(self) -> None:
        for step, card in self.cards.items():
            if card.use is self.sender():
                self.preparation = with_step(self.preparation, step, used=card.use.isChecked())
        self._show_ticks()
        self._wait.start()

    def _show_ticks(self) -> None:
        for step, card in self.cards.items():
            card.use.setChecked(is_used(self.preparation, step))
        # a mask would have to be moved slice by slice with it
        centre = self.cards["centre"].use
        centre.setEnabled(self._classifies)
        centre.setToolTip(text("train.prepare_centre_tip" if self._classifies else "train.prepare_centre_why"))

    @Slot()
    def _ask(self) -> None:
        self._stale.set()
        self._stale = stale = threading.Event()
        self._asker.ask(self._looked, self.slider.value() - 1, self.preparation, stale)

    def _looked(self, index: int, preparation: Preparation, stale: threading.Event) -> Sequence[Shown]:
        """Runs in a thread."""
        if self._volume is None:
            self._volume = self._project.read_volume(self._scan.id)
        name = self._scan.name
        return list(look(self._volume, index, preparation, name=name, go_on=lambda: not stale.is_set()))

    @Slot(object)
    def _take(self, found: Sequence[Shown]) -> None:
        for shown in found:
            self.cards[shown.step].fill(shown)

    @Slot(object)
    def _refused(self, error: Exception) -> None:
        self._facts.setText(sentence(error) if isinstance(error, MeninxError) else str(error))

    def done(self, result: int) -> None:
        """Close, with the thread ended."""
        self._wait.stop()
        self._stale.set()
        self._asker.close()
        super().done(result)
