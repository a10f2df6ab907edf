"""Names that lead out of where they should: nothing is read or written there, and nothing is waited for for ever."""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import socket
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pydicom
import pytest
from bomb_support import zip_of
from reader_support import make_series, noise, picture_bytes, write_dicom, write_picture

from core.errors import InputError, MeninxError
from core.events import Notice, ScanReady, Skipped
from core.io.processor import Patience
from core.io.sandbox import Decoder
from core.io.source import Found
from core.messages import sentence, text
from core.project.importing import ImportOptions, import_job
from core.project.project import Project

SECRET = b"CANARY-outside-of-everything"
NAMES = (
    "../outside.png", "../../../../outside.png", "a/../../outside.png", "/outside.png", "//server/share/outside.png",
    "C:\\outside.png", "C:/outside.png", "..\\outside.png", "\\\\server\\share\\outside.png", "a\0b.png", "CON.png",
    "con", "aux.dcm", "NUL", "COM1.png", "dir/LPT1.tif", "name:stream.png", "trailing. ", "trailing.png.",
    "x" * 300 + ".png",
    "y" * 255 + "/" + "z" * 255 + ".png", "A.png", "a.PNG", "émoji-🧠.png", "‮gnp.exe", "new\nline.png",
    "%2e%2e/outside.png",
    "~/outside.png", "$HOME/outside.png", ".hidden.png", "./dot.png", "a//b.png", "", " ",
)  # fmt: skip
"""Names of members and files; each leads out, means something to a system, or is no name at all."""


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(patience=Patience(30.0, 120.0)) as opened:
        yield opened


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what stands below a folder, byte by byte."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def read_all(decoder: Decoder, paths: list[Path]) -> tuple[Found, int]:
    """Find and read; every refusal must be one sentence. Return how many scans were read."""
    found = decoder.find(paths)
    for passed in found.passed:
        words = sentence(passed.error)
        assert words.endswith("."), words
    for notice in found.notices:
        assert text(f"notices.{notice.key}", **notice.fields)
    read = 0
    for source in found.sources:
        with contextlib.suppress(InputError):
            volume = decoder.read(source)
            assert SECRET not in volume.array.tobytes()
            read += 1
    return found, read


def take_in(project: Path, sources: list[Path]) -> list[object]:
    """Import into a new project; a refusal of everything is fine."""
    events: list[object] = []
    with Project.create(project):
        pass
    with contextlib.suppress(MeninxError):
        events.extend(import_job(project, sources, ImportOptions(label="Brain")))
    return events


def clean(project: Path) -> None:
    """Hold that a project holds nothing of the secret, no link, and only names it gave itself."""
    for path in project.rglob("*"):
        assert not path.is_symlink()
        relative = path.relative_to(project).as_posix()
        assert relative.isascii(), relative
        assert len(relative) <= 120, relative
        # the names it gives by lot may hold any three letters
        words = re.sub(r"[0-9a-hj-km-np-tv-z]{26}", "", relative)
        assert not any(word in words for word in ("outside", "CON", "gnp", "server"))
        if path.is_file():
            data = path.read_bytes()
            assert SECRET not in data
            if data[:2] == b"\x1f\x8b":
                assert SECRET not in gzip.decompress(data)
    with Project.open(project) as opened:
        assert opened.verify() == []


@pytest.mark.parametrize("pack", ["stored", "deflated"])
def test_members_of_a_zip_lead_nowhere(pack: str, tmp_path: Path) -> None:
    around = tmp_path / "a" / "b"
    around.mkdir(parents=True)
    for place in (around.parent, around, tmp_path):
        (place / "outside.png").write_bytes(SECRET)
    archive = around / "scans.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED if pack == "deflated" else zipfile.ZIP_STORED) as bundle:
        for index, name in enumerate(NAMES):
            info = zipfile.ZipInfo("x")
            # as it is, not as zipfile would clean it
            info.filename = name
            with contextlib.suppress(UserWarning):
                bundle.writestr(info, picture_bytes(noise((9, 8), seed=index), "PNG"))
    before = files_of(tmp_path)
    project = tmp_path / "p.meninx"
    events = take_in(project, [archive])
    assert sum(isinstance(event, ScanReady) for event in events) >= 5
    after = {name: data for name, data in files_of(tmp_path).items() if not name.startswith("p.meninx/")}
    assert after == before
    clean(project)


def test_a_link_in_a_zip_is_only_a_small_file(decoder: Decoder, tmp_path: Path) -> None:
    (tmp_path / "outside.png").write_bytes(picture_bytes(noise((9, 8)), "PNG"))
    archive = tmp_path / "links.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, target in (("link.png", "../outside.png"), ("absolute.png", str(tmp_path / "outside.png"))):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            bundle.writestr(info, target)
    found, read = read_all(decoder, [archive])
    assert read == 0
    assert len(found.passed) == 2


def test_a_directory_of_a_medium_leads_nowhere(decoder: Decoder, tmp_path: Path) -> None:
    write_dicom(tmp_path / "outside.dcm", noise((9, 8)))
    write_dicom(tmp_path / "medium" / "IMAGES" / "IM1", noise((9, 8)))
    (tmp_path / "medium" / "LINK").symlink_to(tmp_path / "outside.dcm")
    directory = pydicom.Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.DirectoryRecordSequence = []
    away = str(tmp_path / "outside.dcm")
    ways = (["..", "outside.dcm"], ["..\\outside.dcm"], [away], ["IMAGES", "..", "..", "outside.dcm"],
            ["C:\\outside.dcm"], ["LINK"], ["IMAGES", "IM1"], ["", "outside.dcm"], ["IMAGES\0", "IM1"])  # fmt: skip
    for parts in ways:
        record = pydicom.Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.add(pydicom.DataElement("ReferencedFileID", "CS", parts, validation_mode=pydicom.config.IGNORE))
        directory.DirectoryRecordSequence.append(record)
    directory.save_as(tmp_path / "medium" / "DICOMDIR", enforce_file_format=True)
    found, read = read_all(decoder, [tmp_path / "medium" / "DICOMDIR"])
    assert [[path.name for path in source.files] for source in found.sources] == [["IM1"]]
    assert read == 1


NRRD = (
    "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 4 3 2\nspace: left-posterior-superior\n"
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\ndata file: {}\n"
)
MHD = "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = {}\n"
DATA_NAMES = (
    "../outside.raw", "{root}/outside.raw", "./../outside.raw", "inner/../../outside.raw", "..\\outside.raw",
    "C:\\outside.raw", "\\\\server\\share\\outside.raw", "/dev/zero", "/proc/self/environ", "~/outside.raw",
    "LIST\n../outside.raw",
    "../outside%d.raw 1 2 1", "", ".", "..", "here\0.raw", "file:///etc/passwd", "http://localhost/x.raw",
)  # fmt: skip


@pytest.mark.parametrize(("ending", "header"), [(".nhdr", NRRD), (".mhd", MHD)])
@pytest.mark.parametrize("name", DATA_NAMES)
def test_a_header_reads_no_numbers_outside_its_folder(
    ending: str, header: str, name: str, decoder: Decoder, tmp_path: Path
) -> None:
    (tmp_path / "outside.raw").write_bytes(SECRET)
    (tmp_path / "outside1.raw").write_bytes(SECRET)
    folder = tmp_path / "scans"
    (folder / "inner").mkdir(parents=True)
    (folder / f"scan{ending}").write_text(
        header.format(name.format(root=tmp_path) if "{root}" in name else name), "utf-8"
    )
    _found, read = read_all(decoder, [folder])
    assert read == 0


def test_an_archive_reads_no_other_file(decoder: Decoder, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["secret"] = np.frombuffer(SECRET * 4, np.uint8).reshape(4, 4, -1)
    (tmp_path / "outside.raw").write_bytes(SECRET * 4)
    folder = tmp_path / "scans"
    folder.mkdir()
    with h5py.File(folder / "link.h5", "w") as file:
        file["volume"] = h5py.ExternalLink("../outside.h5", "/secret")
        file["absolute"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "/secret")
        file["soft"] = h5py.SoftLink("/volume")
        file["loop"] = h5py.SoftLink("/loop")
    with h5py.File(folder / "external.h5", "w") as file:
        file.create_dataset("volume", (4, 7, 4), "uint8", external=[(str(tmp_path / "outside.raw"), 0, 112)])
    with h5py.File(folder / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 4, 28), "uint8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "outside.h5"), "secret", (4, 4, 28))
        file.create_virtual_dataset("volume", layout)
    found, read = read_all(decoder, [folder])
    assert read == 0
    assert len(found.passed) + len(found.sources) >= 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows asks for rights to make links")
def test_folders_that_go_round_in_circles_end(decoder: Decoder, tmp_path: Path) -> None:
    folder = tmp_path / "scans" / "deep"
    folder.mkdir(parents=True)
    write_picture(folder / "one.png", noise((9, 8)))
    (folder / "up").symlink_to(tmp_path / "scans")
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "root").symlink_to("/")
    found, read = read_all(decoder, [tmp_path / "scans"])
    assert read == 1
    assert {passed.source for passed in found.passed} == {"deep/self.png", "deep/dangling.png"}


@pytest.mark.skipif(sys.platform == "win32", reason="such files are only on Unix")
def test_what_is_no_file_is_not_waited_for(decoder: Decoder, tmp_path: Path) -> None:
    write_picture(tmp_path / "one.png", noise((9, 8)))
    os.mkfifo(tmp_path / "pipe.dcm")
    (tmp_path / "zero.nii").symlink_to("/dev/zero")
    (tmp_path / "stdin.png").symlink_to("/dev/stdin")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
        server.bind("socket.png")
    (tmp_path / "folder.dcm").mkdir()
    found, read = read_all(decoder, [tmp_path])
    assert read == 1
    assert len(found.passed) == 4
    for name in ("pipe.dcm", "zero.nii"):
        alone, none = read_all(decoder, [tmp_path / name])
        assert none == 0
        assert len(alone.passed) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="what even root cannot read is from /proc")
def test_what_may_not_be_read_is_named(decoder: Decoder, tmp_path: Path) -> None:
    write_picture(tmp_path / "one.png", noise((9, 8)))
    write_picture(tmp_path / "closed.png", noise((9, 8)))
    (tmp_path / "closed.png").chmod(0)
    # to be read is an error here, as on a disk that is broken
    (tmp_path / "broken.png").symlink_to("/proc/self/mem")
    found, read = read_all(decoder, [tmp_path])
    refused = {passed.source: passed.error.code for passed in found.passed}
    assert refused.pop("broken.png") == "file-unreadable"
    # root reads what is closed
    assert refused == ({} if os.geteuid() == 0 else {"closed.png": "file-no-permission"})
    assert read == 2 - len(refused)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_odd_names_of_files_and_folders_come_in(tmp_path: Path) -> None:
    odd = [name for name in NAMES if name and "/" not in name and "\0" not in name and len(name.encode()) < 255]
    for index, name in enumerate(odd):
        make_series(tmp_path / "scans" / name.strip(), count=3, shape=(9, 8 + index))
    raw = os.fsencode(tmp_path / "scans") + b"/not-utf8-\xff\xfe"
    Path(os.fsdecode(raw)).mkdir()
    write_dicom(Path(os.fsdecode(raw)) / "IM1", noise((5, 5)))
    project = tmp_path / "p.meninx"
    events = take_in(project, [tmp_path / "scans"])
    skipped = [str(event.error) for event in events if isinstance(event, Skipped)]
    # hidden folders are not looked into
    hidden = sum(name.startswith(".") for name in odd)
    assert sum(isinstance(event, ScanReady) for event in events) == len(odd) + 1 - hidden, skipped
    for event in events:
        if isinstance(event, Skipped):
            assert sentence(event.error)
        elif isinstance(event, Notice):
            assert text(f"notices.{event.key}", **event.fields)
    clean(project)


def test_zips_inside_zips_are_named_not_opened(decoder: Decoder, tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    zip_of(inner, {"one.png": picture_bytes(noise((9, 8)), "PNG")})
    outer = tmp_path / "outer.zip"
    zip_of(
        outer,
        {
            "inner.zip": inner.read_bytes(),
            "renamed.dcm": inner.read_bytes(),
            "two.png": picture_bytes(noise((9, 7)), "PNG"),
        },
    )
    found, read = read_all(decoder, [outer])
    assert read == 1
    assert {passed.error.code for passed in found.passed} == {"format-zip"}
