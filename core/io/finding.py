"""From the files and folders a person names to the scans they hold.

Nothing is decoded here beyond headers. What is not used is listed with its
reason; nothing is passed over in silence.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import InputError, MeninxError
from core.events import Notice
from core.io import raster
from core.io.archive import entries_of, pick
from core.io.dicomdir import files_of, is_directory
from core.io.files import members, natural, split_member, there
from core.io.mask_names import Names
from core.io.pairs import header_beside
from core.io.patients import CONTAINERS, Patients, owner
from core.io.series import find_series
from core.io.sniff import PICTURES, READABLE, VOLUMES, Format, plain_name, sniff, stem
from core.io.source import FindOptions, Found, Passed, Source

MASK_FOLDERS = ("masks", "mask", "labels", "label", "gt", "groundtruth", "ground_truth")
IMAGE_FOLDERS = ("images", "image", "imgs", "img")
_MASK_END = re.compile(r"^(.+)_mask$", re.IGNORECASE)
_PREDICTED_END = re.compile(r"^(.+)_automask$", re.IGNORECASE)
_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")
_TABLES = (".csv", ".tsv", ".txt", ".md", ".json", ".xml", ".pdf", ".html", ".xlsx", ".docx")

_PROJECT = "meninx.json"
_FOLDER_REASONS = ("mask-second", "mask-alone", "mask-other-set")
_MANY = 3
_MOST_NUMBERS = 10_000

Heartbeat = Callable[[Path], None]
"""Told each file before it is looked at."""
Tally = Callable[[int], None]
"""Told how many files so far can be read."""


@dataclass
class _Item:
    path: Path
    kind: Format
    root: Path
    header: raster.PictureHeader | None = None


@dataclass
class _Walk:
    """What is gathered while looking through the named paths."""

    options: FindOptions
    patients: Patients
    heartbeat: Heartbeat
    tally: Tally
    items: list[_Item] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    passed: list[tuple[Path, MeninxError]] = field(default_factory=list)
    masks: dict[Path, dict[str, Path]] = field(default_factory=lambda: defaultdict(dict))
    predicted: dict[Path, dict[str, Path]] = field(default_factory=lambda: defaultdict(dict))
    notices: list[Notice] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)

    inside: dict[Path, dict[str, Path]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    def skip(self, path: Path, error: MeninxError) -> None:
        if error.fields.get("file") == "":
            # a geometry knows no files
            error = InputError(error.code, **(error.fields | {"file": path.name}))
        self.passed.append((path, error))

    def called(self, path: Path) -> str:
        """Return a path as the person knows it: below the folder that was named."""
        root = next((root for root in self.roots if root in path.parents), path.parent)
        return path.relative_to(root).as_posix()


def find_sources(
    paths: Sequence[Path],
    options: FindOptions | None = None,
    heartbeat: Heartbeat | None = None,
    tally: Tally | None = None,
) -> Found:
    """Find the scans in files and folders.

    Parameters
    ----------
    paths
        Files, folders or zip files.
    options
        How files are put together.
    heartbeat
        Called with each file before it is looked at.
    tally
        Called with how many files so far can be read.

    Raises
    ------
    InputError
        ``file-missing`` for a named path that is not there; those of
        :class:`core.io.patients.Patients`.
    """
    options = options or FindOptions()
    walk = _Walk(
        options, Patients(options.patient_from), heartbeat or (lambda _path: None), tally or (lambda _count: None)
    )
    for path in paths:
        _look(walk, Path(os.path.abspath(path)))  # noqa: PTH100 - resolve() would follow links
    sources: list[Source] = []
    dicom_items = [item for item in walk.items if item.kind is Format.DICOM]
    if dicom_items:
        sources += find_series(
            [(item.path, item.root) for item in dicom_items], walk.patients, options, walk.heartbeat, walk.skip
        )
        sources = [_with_single_mask(walk, source) for source in sources]
    sources += [_whole(walk, item) for item in walk.items if item.kind in VOLUMES]
    sources += _pictures(walk, [item for item in walk.items if item.kind in PICTURES])
    stacks = sum(source.format in PICTURES and len(source.files) > 1 for source in sources)
    if stacks and options.as_ == "auto":
        walk.notices.append(Notice("stacks-made", {"stacks": stacks}))
    _orphan_masks(walk, sources)
    return Found(tuple(sources), _gathered(walk), tuple(walk.notices))


def _look(walk: _Walk, path: Path) -> None:
    if not there(path):
        raise InputError("file-missing", file=path)
    if path.is_dir():
        walk.roots.append(path)
        if path.name.casefold() in IMAGE_FOLDERS and walk.options.pair_masks:
            _masks_of_folder(walk, path)
        for file in _files_below(walk, path):
            _take(walk, file, path)
    else:
        _take(walk, path, path.parent, named=True)


def _files_below(walk: _Walk, folder: Path) -> Iterator[Path]:
    """All files below a folder in natural order; hidden ones, links to folders and projects are left out."""
    for base, folders, names in os.walk(folder):
        if _PROJECT in names:
            walk.skip(Path(base), InputError("folder-project", file=Path(base).name))
            folders.clear()
            continue
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural)
        for name in sorted(names, key=natural):
            if not name.startswith("."):
                yield Path(base) / name


def _take(walk: _Walk, path: Path, root: Path, *, named: bool = False) -> None:
    # the numbers of a two-file volume are found by its header
    path = header_beside(path) or path
    if path in walk.seen:
        return
    walk.seen.add(path)
    refused = next((code for broken, code in walk.options.refused if broken == path), "")
    if refused:
        walk.skip(path, InputError(refused, file=path.name))
        return
    walk.heartbeat(path)
    if split_member(path) is None and path.exists() and not path.is_file():
        # a pipe or device would be waited on for ever
        walk.skip(path, InputError("file-foreign", file=path.name))
        return
    try:
        kind = sniff(path)
    except OSError:
        walk.skip(path, InputError("file-unreadable", file=path.name))
        return
    except InputError as error:
        walk.skip(path, error)
        return
    if kind is Format.ZIP:
        _take_zip(walk, path)
        return
    if kind is None or kind not in READABLE:
        walk.skip(path, refusal(path, kind))
        return
    if named and kind is Format.DICOM and is_directory(path):
        _take_listed(walk, path)
        return
    if walk.options.pair_masks and _take_mask(walk, path):
        return
    item = _Item(path, kind, root)
    if kind in PICTURES:
        try:
            item.header = raster.read_header(path)
        except InputError as error:
            walk.skip(path, error)
            return
    walk.items.append(item)
    walk.tally(len(walk.items))
    if named and walk.options.pair_masks:
        _masks_beside(walk, path)


def refusal(path: Path, kind: Format | None) -> InputError:
    """Word why a file is not read."""
    if kind is not None:
        return InputError(f"format-{kind}", file=path.name)
    if path.is_file() and not path.stat().st_size:
        return InputError("file-zero", file=path.name)
    if path.suffix.casefold() in _TABLES:
        return InputError("file-no-scan", file=path.name)
    return InputError("file-foreign", file=path.name)


def _take_zip(walk: _Walk, path: Path) -> None:
    if split_member(path) is not None:
        walk.skip(path, InputError("format-zip", file=path.name))
        return
    try:
        inside, strange = members(path)
    except InputError as error:
        walk.skip(path, error)
        return
    if strange:
        walk.skip(path, InputError("zip-names", file=path.name, count=strange))
    for member in sorted(inside, key=lambda member: natural(member.as_posix())):
        if not member.name.startswith("."):
            _take(walk, member, path)


def _take_listed(walk: _Walk, path: Path) -> None:
    """Take the files that the index of a DICOM medium lists."""
    try:
        listed = files_of(path)
    except InputError as error:
        walk.skip(path, error)
        return
    for key, count in (("dicomdir-missing", listed.missing), ("dicomdir-outside", listed.outside)):
        if count:
            walk.notices.append(Notice(key, {"name": path.name, "count": count}))
    if not listed.files:
        walk.skip(path, InputError("dicom-directory-empty", file=path.name))
    for file in listed.files:
        _take(walk, file, path.parent)


def _take_mask(walk: _Walk, path: Path) -> bool:
    """Note a mask (or predicted mask) instead of a scan; True if the file was one."""
    name = stem(path)
    predicted = _PREDICTED_END.match(name)
    if predicted:
        walk.predicted[path.parent].setdefault(predicted.group(1), path)
        return True
    match = _MASK_END.match(name)
    if match:
        walk.masks[path.parent].setdefault(match.group(1), path)
        return True
    images = _images_beside(path.parent)
    if path.parent.name.casefold() in _mask_folders(walk.options) and (
        images is not None or name in walk.names.stems(path.parent.parent)
    ):
        walk.masks[path.parent].setdefault(name, path)
        return True
    if images is None:
        return False
    if path.parent.name.casefold() not in IMAGE_FOLDERS and name in walk.names.stems(images):
        walk.skip(path, InputError("mask-other-set", file=path.name, folder=path.parent.name))
        return True
    return False


def _mask_folders(options: FindOptions) -> tuple[str, ...]:
    """Folder names that hold masks, the best first."""
    own = options.mask_folder.casefold()
    return (own, *MASK_FOLDERS) if own else MASK_FOLDERS


def _images_beside(folder: Path) -> Path | None:
    """Return the ``images`` folder beside (or at) a folder."""
    for name in IMAGE_FOLDERS:
        candidate = folder.parent / name
        if candidate.is_dir():
            return candidate
    return None


def _mask_folders_of(walk: _Walk, path: Path) -> list[Path]:
    """Return where the mask of a scan file may lie, the best place first."""
    base = path.parent.parent if path.parent.name.casefold() in IMAGE_FOLDERS else path.parent
    if base not in walk.inside:
        try:
            walk.inside[base] = {folder.name.casefold(): folder for folder in base.iterdir() if folder.is_dir()}
        except OSError:
            # a zip has no folders to look into
            walk.inside[base] = {}
    inside = walk.inside[base]
    return [inside[name] for name in _mask_folders(walk.options) if name in inside and inside[name] != path.parent]


def _masks_of_folder(walk: _Walk, images: Path) -> None:
    """Find the masks of an ``images`` folder that was named by itself."""
    known = walk.names.of_folder(images)
    for folder in _mask_folders_of(walk, images / "x"):
        for mask in sorted(folder.iterdir()):
            if mask.is_file() and stem(mask).removesuffix("_mask") in known:
                walk.seen.add(mask)
                walk.masks[folder].setdefault(stem(mask).removesuffix("_mask"), mask)


def _masks_beside(walk: _Walk, path: Path) -> None:
    """Find the mask of a file that was named by itself."""
    folders = [path.parent, *_mask_folders_of(walk, path)]
    for name, folder in itertools.product(walk.names.of(path), folders):
        if not folder.is_dir():
            continue
        wanted = f"{name}_mask" if folder == path.parent else name
        for other in folder.iterdir():
            called = stem(other)
            if called not in (wanted, f"{name}_automask") or other == path or not other.is_file():
                continue
            walk.seen.add(other)
            (walk.masks if called == wanted else walk.predicted)[folder].setdefault(name, other)


def _mask_of(walk: _Walk, path: Path, *, predicted: bool = False) -> Path | None:
    """Return the mask (or predicted mask) that pairs with a scan file, and take it off the list."""
    listed = walk.predicted if predicted else walk.masks
    for name, folder in itertools.product(walk.names.of(path), (path.parent, *_mask_folders_of(walk, path))):
        mask = listed.get(folder, {}).pop(name, None)
        if mask is not None:
            return mask
    return None


def _whole(walk: _Walk, item: _Item) -> Source:
    mask = _mask_of(walk, item.path)
    if mask is None and item.kind is Format.HDF5 and walk.options.pair_masks:
        mask = _mask_inside(item.path, walk.options.dataset)
    predicted = _mask_of(walk, item.path, predicted=True)
    return Source(
        item.kind,
        (item.path,),
        item.path.name,
        walk.patients.of(item.path, item.kind, root=item.root),
        (mask,) if mask else (),
        walk.options.volume,
        walk.options.dataset,
        predicted=(predicted,) if predicted else (),
    )


def _mask_inside(path: Path, dataset: str) -> Path | None:
    """Return an archive itself where it holds the mask of its scan."""
    try:
        return path if pick(path, dataset, entries_of(path))[1] else None
    except InputError:
        # its reader says what is wrong with it
        return None


def _with_single_mask(walk: _Walk, source: Source) -> Source:
    """Pair a DICOM scan of one file with the mask beside it."""
    if len(source.files) != 1:
        return source
    mask = _mask_of(walk, source.files[0])
    predicted = _mask_of(walk, source.files[0], predicted=True)
    return replace(source, masks=(mask,) if mask else (), predicted=(predicted,) if predicted else ())


def _pictures(walk: _Walk, items: list[_Item]) -> list[Source]:
    folders: dict[Path, list[_Item]] = defaultdict(list)
    for item in items:
        folders[item.path.parent].append(item)
    sources: list[Source] = []
    for folder, inside in folders.items():
        for group in _stacks(walk, folder, inside):
            sources.append(_picture_source(walk, folder, group, alone=len(group) == len(inside)))
    return sources


def _stacks(walk: _Walk, folder: Path, items: list[_Item]) -> Iterable[list[_Item]]:
    """Split the pictures of one folder into scans."""
    singles = [[item] for item in items]
    if walk.options.as_ == "pictures" or len(items) == 1:
        return singles
    if walk.options.as_ == "auto" and not _patient_folder(folder, items[0].root):
        return singles
    groups: dict[tuple[object, ...], list[tuple[tuple[tuple[int, int, str], ...], _Item]]] = defaultdict(list)
    for item in items:
        match = _NUMBER.match(stem(item.path))
        header = item.header
        assert header is not None
        if match is None or header.pages > 1:
            groups[(item.path,)].append(((), item))
            continue
        key = (match.group(1).casefold(), match.group(3).casefold(), walk.patients.group(item.path))
        groups[(*key, header.rows, header.columns, header.dtype)].append((natural(match.group(2)), item))
    if walk.options.as_ == "auto" and _differ(groups):
        # one numbering over several sizes: pictures that were numbered, not slices of one scan
        return singles
    return [[item for _number, item in sorted(group, key=lambda pair: pair[0])] for group in groups.values()]


def _differ(groups: dict[tuple[object, ...], list[tuple[tuple[tuple[int, int, str], ...], _Item]]]) -> bool:
    names = [key[:3] for key in groups if len(key) > 1]
    return len(set(names)) < len(names)


def _patient_folder(folder: Path, root: Path) -> bool:
    """Whether numbered pictures in a folder may be the slices of one patient's scan.

    A folder called ``images`` and the like holds pictures of many people, unless it
    lies in a folder of its own below the one that was named.
    """
    if folder.name.casefold() not in CONTAINERS:
        return True
    holder = owner(folder / "x")
    return holder != root and root in holder.parents


def _picture_source(walk: _Walk, folder: Path, group: list[_Item], *, alone: bool) -> Source:
    first = group[0]
    stacked = len(group) > 1
    masks = tuple(_mask_of(walk, item.path) for item in group)
    predicted = tuple(_mask_of(walk, item.path, predicted=True) for item in group)
    name = (folder.name if alone else f"{folder.name}/{stem(first.path)}") if stacked else first.path.name
    several = not stacked and first.header is not None and first.header.volumes > 1
    return Source(
        first.kind,
        tuple(item.path for item in group),
        name,
        walk.patients.of(first.path, first.kind, root=first.root, stacked=stacked),
        masks if any(masks) else (),
        walk.options.volume if several else None,
        notices=_remarks(group, name),
        predicted=predicted if any(predicted) else (),
    )


def _remarks(group: list[_Item], name: str) -> tuple[Notice, ...]:
    """Say what is odd about the pictures of one scan, each thing once."""
    notes = dict.fromkeys(note for item in group if item.header is not None for note in item.header.notes)
    remarks = [Notice(note, {"name": name}) for note in notes]
    matches = [_NUMBER.match(stem(item.path)) for item in group]
    numbers = [int(match.group(2)) for match in matches if match is not None]
    if len(group) > 2 and len(numbers) == len(group):
        missing = _left_out(numbers)
        if missing:
            remarks.append(Notice("numbers-missing", {"name": name, "numbers": shortened(missing)}))
    return tuple(remarks)


def _left_out(numbers: list[int]) -> list[int]:
    """Return the numbers that a numbering passes over, counted in its own steps."""
    ordered = sorted(set(numbers))
    step = min((after - before for before, after in itertools.pairwise(ordered)), default=1)
    # so far apart that it is no numbering of slices
    if (ordered[-1] - ordered[0]) // step > _MOST_NUMBERS:
        return []
    return sorted(set(range(ordered[0], ordered[-1], step)) - set(ordered))


def shortened(numbers: Sequence[int], most: int = 8) -> str:
    """Return numbers in words, the first of them where there are many."""
    words = ", ".join(str(number) for number in numbers[:most])
    return words if len(numbers) <= most else f"{words}, ... ({len(numbers)})"


def _orphan_masks(walk: _Walk, sources: list[Source]) -> None:
    """List the masks whose scan is not there, or has a mask already."""
    files = {stem(file) for source in sources for file in source.files}
    stems = files | set(map(plain_name, files))
    for named in (*walk.masks.values(), *walk.predicted.values()):
        for name, mask in named.items():
            walk.skip(mask, InputError("mask-second" if name in stems else "mask-alone", file=mask.name, scan=name))


def _gathered(walk: _Walk) -> tuple[Passed, ...]:
    """Name a folder once where many of its files were passed over for one reason that concerns them all."""
    counts = Counter((path.parent, error.code) for path, error in walk.passed)
    told: set[tuple[Path, str]] = set()
    result = []
    for path, error in walk.passed:
        key = (path.parent, error.code)
        if error.code in _FOLDER_REASONS and counts[key] > _MANY:
            if key not in told:
                told.add(key)
                facts = {"folder": path.parent.name, "count": counts[key]}
                result.append(Passed(walk.called(path.parent), InputError(f"{error.code}-many", **facts)))
        else:
            result.append(Passed(walk.called(path), error))
    return tuple(result)
