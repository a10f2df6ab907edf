"""Which patient a scan belongs to: the question that every import asks."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QWidget

from core.messages import text
from gui import theme

_TYPING_MS = 500


class PatientChoice(QWidget):
    """A list of ways to tell patients apart, and the pattern or table that some of them need.

    Parameters
    ----------
    folder
        Where the dialog for a table begins.
    """

    changed = Signal()
    """Another way, or another pattern that somebody has finished typing."""

    def __init__(self, folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._folder = folder
        self.ways = QComboBox()
        self.ways.setAccessibleName(text("dialogs.patient"))
        for key in ("", "folder", "dicom", "none", "name", "csv"):
            self.ways.addItem(text(f"dialogs.patient_{key or 'auto'}"), key)
        self.ways.activated.connect(self._chosen)
        self.pattern = QLineEdit()
        self.pattern.setPlaceholderText(text("importing.pattern"))
        self.pattern.setToolTip(text("importing.pattern_tip"))
        self.pattern.textEdited.connect(self._pattern_typed)
        self.pattern.hide()
        lay = theme.column(self, gap=4)
        lay.addWidget(self.ways)
        lay.addWidget(self.pattern)
        # typing a pattern looks through the files again, but not at every key
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPING_MS)
        self._typed.timeout.connect(self.changed)

    def choose(self, way: str) -> None:
        """Take one of the ways, as a person does who picks it from the list."""
        self.ways.setCurrentIndex(self.ways.findData(way))
        self._chosen(self.ways.currentIndex())

    @Slot(int)
    def _chosen(self, _place: int) -> None:
        way = self.ways.currentData()
        if way == "csv":
            name, _ = QFileDialog.getOpenFileName(
                self, text("dialogs.patient_csv"), self._folder, "CSV (*.csv *.tsv *.txt)"
            )
            if not name:
                self.ways.setCurrentIndex(0)
            self.pattern.setText(name)
        elif way == "name":
            self.pattern.clear()
        self.pattern.setVisible(self.ways.currentData() in ("name", "csv"))
        self.pattern.setReadOnly(self.ways.currentData() == "csv")
        if way != "name":
            self.changed.emit()

    @Slot(str)
    def _pattern_typed(self, _words: str) -> None:
        self._typed.start()

    def way(self) -> str:
        """Return the answer, as :class:`core.io.patients.Patients` takes it."""
        way = str(self.ways.currentData())
        if way in ("name", "csv"):
            value = self.pattern.text().strip()
            return f"{way}:{value}" if value else ""
        return way
