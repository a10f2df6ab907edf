"""The window that gets killed: opens a project as a person would, draws with the mouse, switches, saves.

Run by test_kill_window.py as ``python window_child.py PROJECT SEED``. Every line it writes is
one fact, told the moment it is true, with the monotonic clock:

    phase NAME TIME                    open, stroke, commit, saving, saved or switch begins
    opened SCAN SEQUENCE HASH TIME     what was there when the scan was shown
    commit SCAN SEQUENCE HASH TIME     a step, undo or redo was done on the screen
    saved SCAN SEQUENCE TIME           the window said "All changes saved"
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gui"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from kill_child import digest, say
from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QApplication
from shell_support import stroke

from core.editing.editor import Change
from core.project.saver import SaveState
from gui import theme
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings


class Person(QObject):
    """Draws, undoes and goes from scan to scan until the end comes."""

    def __init__(self, window: MainWindow, path: Path, seed: int) -> None:
        super().__init__(window)
        self.window = window
        self.session = window.session
        self.path = path
        self.rng = np.random.default_rng(seed)
        self.timer = QTimer(self)
        self.timer.setInterval(5)
        self.timer.timeout.connect(self.act)
        self.session.scan_changed.connect(self.shown)
        self.session.mask_changed.connect(self.changed)
        self.session.save_state_changed.connect(self.said)

    @Slot()
    def shown(self) -> None:
        session = self.session
        if session.scan is not None and session.editor is not None:
            say("opened", session.scan.name, session.editor.sequence, digest(session.editor, history=True))
            self.timer.start()

    @Slot(object)
    def changed(self, change: Change) -> None:
        session = self.session
        # a step of several layers is told of layer by layer: its last word counts
        if change.kind != "live" and session.editor is not None and session.scan is not None:
            say("commit", session.scan.name, session.editor.sequence, digest(session.editor, history=True))

    @Slot(str)
    def said(self, state: str) -> None:
        session = self.session
        if state == SaveState.SAVING:
            say("phase", "saving")
        elif state == SaveState.SAVED and session.scan is not None and session.editor is not None:
            if session.save_words.startswith("✓"):
                say("saved", session.scan.name, session.editor.sequence)
            say("phase", "saved")

    @Slot()
    def act(self) -> None:
        session, rng = self.session, self.rng
        if not session.can_edit or session.editor is None:
            return
        chance = rng.random()
        self.timer.setInterval(int(rng.integers(0, 60)))
        if chance < 0.12:
            say("phase", "commit")
            session.undo()
        elif chance < 0.17:
            say("phase", "commit")
            session.redo()
        elif chance < 0.22:
            say("phase", "commit")
            self.window.annotate._toggle_finished()
        elif chance < 0.26:
            session.save_now()
        elif chance < 0.32:
            say("phase", "switch")
            others = [scan for scan in session.project.scans() if scan.id != session.scan.id]
            session.open_scan(others[int(rng.integers(len(others)))].id)
        else:
            session.choose_label(session.labels.labels[int(rng.integers(len(session.labels)))].name)
            views = self.window.annotate.views
            views.go_to((20, 20, int(rng.integers(session.volume.shape[0]))))
            say("phase", "stroke")
            x, y = (float(part) for part in rng.uniform(8, 44, 2))
            stroke(self.window, (x, y), (x + float(rng.normal(0, 9)), y + float(rng.normal(0, 9))))


def main(path: str, seed: str) -> None:
    say("phase", "open")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication([])
    theme.apply(app)
    settings = Settings()
    settings.preferences.tour_seen = True
    window = MainWindow(Session(settings))
    window.session.reader = "anna"
    window.resize(1000, 700)
    window.show()
    person = Person(window, Path(path), int(seed))
    if not window.intake.open_project(Path(path)):
        say("refused")
        time.sleep(60)
    assert person.timer is not None
    app.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
