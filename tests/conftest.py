"""What all tests share: the real scans where they are, an own home, leak checks."""

from __future__ import annotations

import gc
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_LONGEST = (
    "unit/models/test_trainer_team.py",
    "faults/test_kill_store.py",
    "fuzz/test_fuzz_readers.py",
    "fuzz/test_fuzz_exchange.py",
    "unit/models/test_trainer.py",
    "gui/test_import_tree.py",
    "unit/models/test_trainer_recipe.py",
    "e2e/test_whole_loop.py",
    "gui/test_monkey.py",
    "unit/models/test_pretrained.py",
    "faults/test_slow_folder.py",
    "unit/core/test_dicom_every_file.py",
    "faults/test_kill_window.py",
    "faults/test_deidentify.py",
    "unit/models/test_worker.py",
    "unit/core/test_readers_real.py",
    "unit/models/test_classifier.py",
    "unit/core/test_sandbox.py",
    "faults/test_identity_canary.py",
    "guide/test_guide_true.py",
)
"""Files that take long with few tests, the longest first (seconds of a run alone on two cores)."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write tests/snapshots anew; look at them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where two processes share the files: else one waits for the other at the end."""
    if not hasattr(config, "workerinput"):
        return
    folder = ROOT / "tests"
    ranks = {folder / name: rank for rank, name in enumerate(_LONGEST)}
    count = Counter(item.path for item in items)
    # a stable sort: the tests of a file stay together and in their order
    items.sort(key=lambda item: (ranks.get(item.path, len(ranks)), -count[item.path], str(item.path)))


def pytest_collection_finish() -> None:
    # what the imports made stays for good: to look through it again and again was a third of the window's tests
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def collected_at_rest(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what is left of windows between tests only (gui/collecting.py tells why), all of it now and then."""
    if "qapp" not in request.fixturenames:
        if not gc.isenabled():
            gc.collect()
            gc.enable()
        yield
        return
    gc.disable()
    yield
    _windows.append(1)
    gc.collect(2 if len(_windows) % 20 == 0 else 1)


_windows: list[int] = []
"""One for each test of a window."""


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
