"""This person's own things lie where the platform wants them, and move there without loss."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

from core import places
from core.errors import StorageError

OLD = {
    "preferences.json": b'{"brush_size": 7.5}',
    "window.ini": b"[window]\n",
    "meninx.log": b"one\n",
    "meninx.log.1": b"zero\n",
    "crash.log": b"",
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home with no MENINX_HOME."""
    monkeypatch.delenv("MENINX_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the places of Linux")


@linux
def test_each_kind_lies_in_its_own_place(own: Path) -> None:
    assert places.data() == own / ".local/share/Meninx"
    assert places.config() == own / ".config/Meninx"
    assert places.logs() == own / ".local/state/Meninx/log"
    assert not list(own.iterdir()), "asking makes nothing"


@linux
def test_the_variables_of_xdg_count(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("DATA", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(own / kind))
    assert (places.data(), places.config()) == (own / "DATA/Meninx", own / "CONFIG/Meninx")
    assert places.logs() == own / "STATE/Meninx/log"


def test_the_places_of_the_other_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    # platformdirs asks Windows itself for its folders, so only the ends can be held here
    mac = MacOS("Meninx", appauthor=False)
    assert mac.user_data_dir == mac.user_config_dir == str(Path("~/Library/Application Support/Meninx").expanduser())
    assert mac.user_log_dir == str(Path("~/Library/Logs/Meninx").expanduser())
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda kind: f"C:\\Users\\Jörg\\{kind}")
    windows = Windows("Meninx", appauthor=False)
    assert "CSIDL_LOCAL_APPDATA" in windows.user_data_dir
    assert windows.user_data_dir == windows.user_config_dir
    assert windows.user_log_dir.endswith("Logs")
    assert Unix("Meninx", appauthor=False).user_log_dir.endswith("Meninx/log")


def test_one_variable_puts_all_into_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "stick"))
    assert places.data() == places.config() == places.logs() == tmp_path / "stick"
    assert places.settle() == []


@linux
def test_what_lay_with_the_data_is_brought_over_whole(own: Path) -> None:
    places.make(places.data())
    for name, content in OLD.items():
        (places.data() / name).write_bytes(content)
    (places.data() / "links.sqlite").write_bytes(b"who")
    (places.data() / "scratch").mkdir()
    moved = places.settle()
    assert {path.name: path.read_bytes() for path in moved} == OLD
    assert {path.parent for path in moved} == {places.config(), places.logs()}
    assert sorted(path.name for path in places.data().iterdir()) == ["links.sqlite", "scratch"]
    assert places.settle() == []


@linux
def test_what_is_there_already_is_never_replaced(own: Path) -> None:
    for folder, content in ((places.data(), b"old"), (places.config(), b"new")):
        places.make(folder)
        (folder / "preferences.json").write_bytes(content)
    assert places.settle() == []
    assert (places.config() / "preferences.json").read_bytes() == b"new"
    assert (places.data() / "preferences.json").read_bytes() == b"old"


@linux
def test_what_cannot_be_moved_stays(own: Path) -> None:
    places.make(places.data())
    (places.data() / "preferences.json").write_bytes(b"old")
    # a file where the folder should be
    (own / ".config").write_bytes(b"")
    assert places.settle() == []
    assert (places.data() / "preferences.json").read_bytes() == b"old"
    with pytest.raises(StorageError):
        places.make(places.config())


@linux
def test_the_folders_are_nobody_elses(own: Path) -> None:
    for folder in (places.data(), places.config(), places.logs()):
        assert stat.S_IMODE(places.make(folder).stat().st_mode) == 0o700
