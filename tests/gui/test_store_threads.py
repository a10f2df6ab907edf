"""Threads that Qt started read the index and end: their connections end with them."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QThread

from core.project.project import Project


class _Reader(QThread):
    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project
        self.scans = -1

    def run(self) -> None:
        self.scans = len(self._project.scans())


def test_no_connection_outlives_its_thread(qapp, tmp_path: Path):
    with Project.create(tmp_path / "p.meninx") as project:
        for number in range(30):
            if number % 2:
                reader = _Reader(project)
                reader.start()
                assert reader.wait(20_000)
                assert reader.scans == 0
            else:
                thread = threading.Thread(target=project.scans)
                thread.start()
                thread.join(20)
        # this thread's own, and that of the last which ended: it goes when the next comes
        assert len(project.store._open) <= 2
