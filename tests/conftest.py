"""What all tests share: the real scans where they are, an own home, leak checks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write tests/snapshots anew; look at them")


def real_data() -> Path | None:
    """Return the folder of real scans, or None where it is absent."""
    folder = Path(os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data_root() -> Path:
    folder = real_data()
    if folder is None:
        pytest.skip("the real scans are not here (set MENINX_DATA to their folder)")
    return folder


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a user data folder of its own, so that none sees another's links or settings."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MENINX_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """Fail a test that leaves a thread of ours running."""
    before = set(threading.enumerate())
    yield
    running = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    # a QThread that ran Python appears as a dummy thread, which cannot be joined; tests/gui checks QThreads
    left = [thread for thread in running if not _foreign(thread)]
    for thread in left:
        thread.join(timeout=3.0)
    named = [thread.name for thread in left if thread.is_alive()]
    assert not named, f"threads left running: {named}"


def _foreign(thread: threading.Thread) -> bool:
    """Whether a library keeps this thread for the life of the process."""
    return thread.name.startswith(("QueueFeederThread", "asyncio_", "Dummy-", "ThreadPoolExecutor", "tmonitor"))
