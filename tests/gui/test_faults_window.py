"""A fault of the program: one calm dialog, a log that names nobody, and the window goes on."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QtMsgType
from PySide6.QtWidgets import QApplication, QDialog, QLabel
from pytestqt.qtbot import QtBot
from shell_support import stroke

from core.errors import InputError, MeninxError
from core.project.saver import SaveState
from core.traces import scrub, scrub_crash, shown_path, trace_of
from gui import log as logs
from gui.background import Tasks
from gui.dialogs.about import AboutDialog
from gui.dialogs.log_dialog import LogDialog
from gui.faults import MOST, Unexpected
from gui.log import LogStart, read_log, start_log
from gui.main_window import MainWindow

WORD = "Zqxcanary"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def log() -> Iterator[LogStart]:
    began = start_log()
    yield began
    began.end()
    faulthandler.enable()


@pytest.fixture
def hooks(opened: MainWindow, log: LogStart, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unexpected]:
    """The hooks of a window with a scan, as the start of the program makes them."""
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    made = Unexpected()
    made.install()
    made.attend(opened.session, opened)
    yield made
    if made.dialog is not None:
        made.dialog.accept()


def fail(words: str = f"no {WORD} in /home/{WORD}/{WORD}.dcm") -> None:
    """Fail somewhere, in words that name a person."""
    try:
        raise FileNotFoundError(2, words, f"/data/{WORD}/1.dcm")
    except OSError as error:
        raise RuntimeError(f"{WORD} has no scan") from error


def happen(hooks: Unexpected, work: object = fail) -> None:
    """Let something fail as an exception in a slot does: through the hook, with its trace."""
    try:
        work()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - whatever it is, the hook gets it
        hooks._hook(type(error), error, error.__traceback__)


def shown(hooks: Unexpected) -> str:
    """Return all words of the dialog."""
    assert hooks.dialog is not None
    return "\n".join(label.text() for label in hooks.dialog.findChildren(QLabel) if not label.isHidden())


def test_one_dialog_says_what_happened_and_that_the_drawing_is_saved(
    opened: MainWindow, hooks: Unexpected, qtbot: QtBot
) -> None:
    session = opened.session
    stroke(opened, (20, 20), (40, 40))
    happen(hooks)
    assert hooks.dialog is None, "not in the middle of what failed"
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert hooks.dialog is not None
    editor = session.editor
    assert editor is not None
    if editor.dirty:
        assert hooks.dialog.saved.text() == "Your drawing is being saved…"
    qtbot.waitUntil(lambda: not editor.dirty and session.save_state is SaveState.SAVED, timeout=10_000)
    assert hooks.dialog.saved.text() == "Your drawing is saved."
    # another stroke, and it is not true any more
    stroke(opened, (30, 30), (50, 50))
    assert hooks.dialog.saved.text() != "Your drawing is saved."
    first = hooks.dialog
    happen(hooks)
    happen(hooks)
    qtbot.waitUntil(lambda: "3 times" in first.often.text())
    assert hooks.dialog is first
    first.accept()
    assert hooks.dialog is None
    # the window goes on
    stroke(opened, (10, 10), (20, 20))
    assert editor.undo_available
    happen(hooks)
    qtbot.waitUntil(lambda: any("again" in toast.told.words for toast in opened.toasts.toasts))
    assert hooks.dialog is None, "the same is told once"


def test_a_drawing_that_cannot_be_saved_is_never_called_saved(
    opened: MainWindow, hooks: Unexpected, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.errors import StorageError
    from core.project.project import Project

    def refuse(*_facts: object, **_more: object) -> None:
        raise StorageError("disk-full", file="/x")

    monkeypatch.setattr(Project, "save_layers", refuse)
    stroke(opened, (20, 20), (40, 40))
    qtbot.waitUntil(lambda: opened.session.save_state is SaveState.FAILED, timeout=10_000)
    happen(hooks)
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert hooks.dialog is not None
    qtbot.waitUntil(lambda: hooks.dialog is not None and "not saved yet" in hooks.dialog.saved.text(), timeout=10_000)
    monkeypatch.undo()
    opened.session.save_now()
    qtbot.waitUntil(lambda: hooks.dialog is not None and "is saved" in hooks.dialog.saved.text(), timeout=10_000)


def test_a_stroke_that_a_fault_left_open_is_taken_back(opened: MainWindow, hooks: Unexpected, qtbot: QtBot) -> None:
    editor, label = opened.session.editor, opened.session.label
    assert editor is not None
    assert label is not None
    before = editor.mask(label.layer).copy()
    editor.begin("brush", label)
    happen(hooks)
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert not editor.stroking
    assert (editor.mask(label.layer) == before).all()


def test_who_would_rather_close_closes(opened: MainWindow, hooks: Unexpected, qtbot: QtBot) -> None:
    happen(hooks)
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert hooks.dialog is not None
    hooks.dialog.cancel_button.click()
    qtbot.waitUntil(lambda: not opened.isVisible())
    assert hooks.dialog is None


def test_faults_of_threads_are_told_too(opened: MainWindow, hooks: Unexpected, qtbot: QtBot) -> None:
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert hooks.dialog is not None
    hooks.dialog.accept()
    tasks = Tasks(opened)
    tasks.start(lambda: fail("other"), opened.session.notifier.error, opened.session.notifier.error)
    qtbot.waitUntil(lambda: hooks.dialog is not None)
    assert WORD not in shown(hooks)
    tasks.wait()


def test_a_program_that_fails_again_and_again_asks_for_no_clicks(
    opened: MainWindow, hooks: Unexpected, qtbot: QtBot
) -> None:
    def of(number: int) -> type[Exception]:
        return type(f"Fault{number}", (Exception,), {})

    for number in range(MOST):
        happen(hooks, lambda number=number: (_ for _ in ()).throw(of(number)()))
        qtbot.waitUntil(lambda: hooks.dialog is not None)
        assert hooks.dialog is not None
        hooks.dialog.accept()
    happen(hooks, lambda: (_ for _ in ()).throw(of(99)()))
    qtbot.waitUntil(lambda: any("again" in toast.told.words for toast in opened.toasts.toasts))
    assert hooks.dialog is None


def test_the_canary_is_in_no_log_and_no_dialog(
    opened: MainWindow,
    hooks: Unexpected,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, WORD)
    monkeypatch.setenv("HOME", f"/home/{WORD}")
    notes = RuntimeError(f"{WORD}")
    notes.add_note(f"{WORD} in a note")
    for work in (
        fail,
        lambda: (_ for _ in ()).throw(notes),
        lambda: (_ for _ in ()).throw(KeyError(WORD)),
        lambda: (_ for _ in ()).throw(ExceptionGroup(WORD, [ValueError(WORD)])),
        lambda: (_ for _ in ()).throw(UnicodeDecodeError("utf-8", WORD.encode(), 0, 1, WORD)),
    ):
        happen(hooks, work)
        qtbot.waitUntil(lambda: hooks.dialog is not None or any("again" in t.told.words for t in opened.toasts.toasts))
        if hooks.dialog is not None:
            assert WORD not in shown(hooks)
            hooks.dialog.accept()
    thread = threading.Thread(target=fail, name=WORD)
    thread.start()
    thread.join()
    opened.session.notifier.error(InputError("file-unreadable", file=f"{WORD}.dcm", reason=WORD))
    hooks._hook(MeninxError, MeninxError("file-missing", file=f"/data/{WORD}"), None)
    logs._hear_qt(QtMsgType.QtWarningMsg, _Context(), f"QImage::load: cannot open {WORD}.png")
    logs._hear_qt(QtMsgType.QtCriticalMsg, _Context(), f"{WORD} is not a font")
    logs.log.error("of %s at /home/%s/scans/%s.nii", WORD, WORD, WORD)
    qtbot.wait(50)
    words = read_log()
    assert "FileNotFoundError 2" in words
    assert "RuntimeError" in words
    assert "file-unreadable()" in words
    assert "Qt: QImage::load" in words
    assert WORD.lower() not in words.lower()
    assert WORD.lower() not in (logs.file()).read_text("utf-8").lower()
    dialog = LogDialog(opened)
    qtbot.addWidget(dialog)
    assert WORD not in dialog.words.toPlainText()
    assert "RuntimeError" in dialog.words.toPlainText()
    # what the desktop would keep of the terminal
    assert WORD not in capfd.readouterr().err


class _Context:
    category = "default"


def test_the_log_is_looked_at_copied_and_saved(opened: MainWindow, log: LogStart, qtbot: QtBot, tmp_path: Path) -> None:
    logs.log.error("something")
    dialog = LogDialog(opened)
    qtbot.addWidget(dialog)
    assert "something" in dialog.words.toPlainText()
    dialog.copy_button.click()
    assert "something" in QApplication.clipboard().text()
    dialog.save_to(tmp_path / "log.txt")
    assert "something" in (tmp_path / "log.txt").read_text("utf-8")
    dialog.save_to(tmp_path / "nowhere" / "log.txt")
    assert "nowhere" in dialog.said.text() or "log.txt" in dialog.said.text()


@pytest.mark.parametrize("licences", [True, False])
def test_what_lies_on_a_dialog_goes_with_it(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, licences: bool
) -> None:
    # closed the one below the other: what is left of the upper one is never touched again
    below = AboutDialog(opened)
    monkeypatch.setattr(QDialog, "exec", lambda _upper: shiboken6.delete(below))
    if licences:
        below.show_licences()
    else:
        hooks = Unexpected()
        hooks.dialog = below
        hooks.show_log()
    assert not shiboken6.isValid(below)


def test_the_log_turns_over_and_stays_small(log: LogStart, own_home: Path) -> None:
    for number in range(400):
        logs.log.error("%d %s", number, "x" * 10_000)
    files = sorted(own_home.glob("meninx.log*"))
    assert [file.name for file in files] == ["meninx.log", "meninx.log.1", "meninx.log.2"]
    assert sum(file.stat().st_size for file in files) <= 3_100_000
    assert "399 " in read_log()


def test_a_folder_that_refuses_is_no_reason_not_to_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "file" / "home"))
    assert start_log() == LogStart(works=False, crashed=False)


CRASH = """
import sys
sys.path.insert(0, {root!r})
from gui.log import start_log
began = start_log()
print("crashed" if began.crashed else "well", flush=True)
if "{way}" == "abort":
    from PySide6.QtCore import qFatal
    qFatal("{word} is the last word")
if "{way}" == "segv":
    import faulthandler
    faulthandler._sigsegv()
"""


def run(way: str, home: Path) -> subprocess.CompletedProcess[str]:
    words = CRASH.format(root=str(ROOT), way=way, word=WORD)
    return subprocess.run(
        [sys.executable, "-c", words], env=os.environ | {"MENINX_HOME": str(home)}, capture_output=True, text=True
    )


@pytest.mark.parametrize("way", ["abort", "segv"])
def test_a_crash_is_told_at_the_next_start_and_once(way: str, tmp_path: Path) -> None:
    home = tmp_path / WORD / "home"
    assert run("", home).stdout == "well\n"
    assert sorted(path.name for path in home.iterdir()) == ["meninx.log"], "a good end leaves nothing"
    assert run(way, home).returncode < 0
    assert run("", home).stdout == "crashed\n"
    assert run("", home).stdout == "well\n"
    words = (home / "meninx.log").read_text("utf-8")
    assert "ended by a crash" in words
    assert ("Aborted" if way == "abort" else "Segmentation fault") in words
    assert "<string>" in words
    assert WORD not in words


def test_the_crash_of_another_window_that_runs_is_left_alone(own_home: Path, log: LogStart) -> None:
    other = own_home / f"crash-{os.getppid()}.log"
    other.write_text("Fatal Python error: Segmentation fault\n")
    again = start_log()
    assert not again.crashed
    again.end()
    assert other.exists()


def test_paths_of_the_program_are_told_from_within_it() -> None:
    assert shown_path(str(ROOT / "gui" / "app.py")) == "gui/app.py"
    assert shown_path(f"/home/{WORD}/venv/lib/python3.11/site-packages/numpy/a.py") == "site-packages/numpy/a.py"
    assert shown_path(os.__file__) == "python/os.py"
    assert shown_path(f"/home/{WORD}/own.py") == "<elsewhere>"
    assert shown_path("<frozen importlib._bootstrap>") == "<frozen importlib._bootstrap>"
    assert shown_path("gui/app.py") == "gui/app.py"
    assert shown_path(f"<{WORD}>") == "<elsewhere>"


def test_scrubbing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna müller")
    monkeypatch.setenv("LOGNAME", "amüller")
    assert scrub("read /home/anna müller/scans/x.nii by amüller") == "read ~<path> by <user>"
    assert scrub(r"C:\Users\Anna\x.dcm and \\server\share\y.dcm") == "<path> and <path>"
    assert scrub("at /data/study/1.dcm, file:///data/a%20b.dcm") == "at <path>, <path>"
    assert scrub("  gui/app.py:12 open_window") == "  gui/app.py:12 open_window"
    assert scrub("3/4 of 1/2") == "3/4 of 1/2"
    lines = (
        "Fatal Python error: Aborted\n",
        f"Current thread 0x1f {WORD} (most recent call first):",
        f'  File "/home/{WORD}/x.py", line 3 in f',
        WORD,
    )
    assert scrub_crash("\n".join(lines)).splitlines() == [
        "Fatal Python error: Aborted",
        "Current thread 0x1f (most recent call first):",
        "  <elsewhere>:3 f",
    ]


def test_a_trace_has_causes_and_no_words() -> None:
    try:
        fail()
    except RuntimeError as error:
        words = trace_of(error)
    assert words.index("FileNotFoundError 2") < words.index("while handling") < words.index("RuntimeError")
    assert "tests/gui/test_faults_window.py" in words
    assert WORD not in words


def test_the_log_stands_in_the_menu(opened: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(LogDialog, "exec", lambda self: seen.append(self))
    opened.actions_table["log"].trigger()
    assert len(seen) == 1


def test_a_fault_before_there_is_a_window_ends_with_a_dialog(
    qapp: QApplication, log: LogStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gui.dialogs.fault_dialog import FaultDialog

    seen: list[str] = []
    monkeypatch.setattr(FaultDialog, "exec", lambda self: seen.append(self.next.text()))
    happen(Unexpected())
    assert seen == ["Meninx cannot start like this. The log helps whoever mends it."]
