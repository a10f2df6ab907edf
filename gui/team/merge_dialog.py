"""Take what was handed over: what is in it, what would come of it and where two copies differ; then take it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QListWidget, QWidget

from core.errors import InputError, MeninxError
from core.messages import sentence, text
from core.team.bundle_file import BundleFacts, peek
from gui import theme
from gui.dialogs.base import Dialog
from gui.jobs import runners
from gui.jobs.asking import Asker
from gui.session import Session
from gui.team.job_box import JobBox
from gui.team.timeline import when_made


class MergeDialog(Dialog):
    """Looks first, in a child process that changes nothing; takes in when the person says so.

    No scan is open meanwhile; the one that was shown is opened again at the end.

    Parameters
    ----------
    session
        Whose project takes it in.
    file
        The bundle.
    target
        Where a copy of the project is made of it; None to take it into the project that is open.
    """

    made = Signal(object)
    """Path of the copy that was made."""

    def __init__(
        self, session: Session, file: Path, parent: QWidget | None = None, *, target: Path | None = None
    ) -> None:
        super().__init__(text("team.merge_title"), text("team.merge_accept"), parent, width=620)
        self._session = session
        self.file = file
        self._target = target
        self._looking = True
        self._over = False
        self._shown = ""
        self._asker = Asker(self)
        self._asker.answered.connect(self._tell)
        self._asker.refused.connect(self._failed)
        self.body.addWidget(theme.label(file.name, "strong", wrap=True))
        self.facts = theme.label("", "muted", wrap=True)
        self.said = theme.label(text("team.merge_looking"), wrap=True)
        self.conflicts_head = theme.label("", "warning", wrap=True)
        self.conflicts = QListWidget()
        self.conflicts.setWordWrap(True)
        self.conflicts.setAccessibleName(text("team.conflicts"))
        self.hint = theme.label(text("team.merge_hint"), "muted", wrap=True)
        self.job = JobBox(session.jobs)
        for widget in (self.facts, self.said, self.conflicts_head, self.conflicts, self.hint, self.job):
            self.body.addWidget(widget)
        # what is left of the room while a bar came and went stays below the words
        self.body.addStretch()
        for widget in (self.conflicts_head, self.conflicts, self.hint):
            widget.hide()
        self.job.finished.connect(self._came)
        self.job.failed.connect(self._failed)
        self.job.stopped.connect(self._stopped)
        self.accept_button.setEnabled(False)
        self._asker.ask(peek, file)

    @Slot(object)
    def _tell(self, facts: BundleFacts) -> None:
        key = "merge_facts" if facts.with_scans else "merge_facts_masks"
        made = when_made(facts.made)
        scans, drawn = text("team.scans", count=facts.scans), text("team.annotations", count=facts.annotations)
        words = {"name": facts.name, "by": facts.by, "scans": scans, "annotations": drawn}
        self.facts.setText(text(f"team.{key}", made=made, **words))
        if self._target is None:
            self._start(dry=True)
            return
        self.said.setText(text("team.merge_new", folder=self._target))
        self.accept_button.setEnabled(facts.with_scans)
        if not facts.with_scans:
            self._failed(InputError("bundle-no-scans", file=self.file))

    def _start(self, *, dry: bool) -> None:
        project, me = self._session.project, self._session.team.me
        if self._target is not None:
            self.job.start(runners.merge(self._target, self.file, reader=me, dry=False, locked=False))
        elif project is not None:
            self.job.start(runners.merge(Path(project.path), self.file, reader=me, dry=dry))

    def accept(self) -> None:
        if self._over:
            super().accept()
            return
        session = self._session
        if self.job.running:
            return
        if self._target is not None:
            self._looking = False
            self.accept_button.setEnabled(False)
            self._start(dry=False)
            return
        self._shown = session.scan.id if session.scan is not None else ""
        if not session.notifier.attempt(session.put_away):
            return
        self._looking = False
        self.accept_button.setEnabled(False)
        self.said.setText(text("team.merge_taking"))
        self._start(dry=False)

    def reject(self) -> None:
        if self.job.running:
            self.job.stop()
            return
        super().reject()

    def done(self, result: int) -> None:
        self._asker.close()
        super().done(result)

    @Slot(dict)
    def _came(self, result: Mapping[str, Any]) -> None:
        found = [str(one["words"]) for one in result["conflicts"]]
        if self._looking:
            self.said.setText(text("team.merge_nothing") if result["already"] else _sum(result, "would"))
            self._list(found, "team.conflicts_would")
            self.accept_button.setEnabled(not result["already"])
            return
        made = self._target is not None
        self.said.setText(text("team.merge_made", count=result["new_scans"]) if made else _sum(result, "did"))
        self._list(found, "team.conflicts_did")
        self._finish()
        if self._target is not None:
            self.made.emit(self._target)

    def _list(self, found: Sequence[str], key: str) -> None:
        self.conflicts.clear()
        self.conflicts.addItems(list(found))
        self.conflicts_head.setText(text(f"{key}_one" if len(found) == 1 else key, count=len(found)))
        # each may take two lines
        self.conflicts.setFixedHeight(14 + 40 * min(len(found), 7))
        for widget in (self.conflicts_head, self.conflicts, self.hint):
            widget.setVisible(bool(found))
        self.adjustSize()

    def _finish(self) -> None:
        self._over = True
        self.accept_button.setText(text("dialogs.close"))
        self.accept_button.setEnabled(True)
        self.cancel_button.hide()
        self._open_again()

    def _open_again(self) -> None:
        session = self._session
        if session.project is None:
            return
        if self._over:
            # each reader finished in his own copy: together they are done
            session.team.close_finished()
        session.reload_labels()
        session.scans_changed.emit()
        session.work_changed.emit("")
        if self._shown and session.scan is None:
            session.open_scan(self._shown)

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        theme.set_role(self.said, "danger")
        self.said.setText(sentence(error))
        self.accept_button.setEnabled(False)
        if not self._looking:
            self._open_again()

    @Slot()
    def _stopped(self) -> None:
        self.said.setText(text("team.stopped"))
        if not self._looking:
            self._open_again()
            self._looking = True
            self.accept_button.setEnabled(True)
            return
        super().reject()


def _sum(result: Mapping[str, Any], key: str) -> str:
    """Word what comes, or came, of it."""
    scans, updated = result["new_scans"], result["updated"]
    new = text("team.new_scan" if scans == 1 else "team.new_scans", count=scans)
    known = text("team.known_thing" if updated == 1 else "team.known_things", count=updated)
    part = "" if scans and updated else "_new" if scans else "_known" if updated else "_none"
    return text(f"team.merge_{key}{part}", new=new, known=known)
