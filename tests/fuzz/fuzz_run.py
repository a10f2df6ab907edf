"""Broken files through the decoding child, as a person's import would send them: what came of each.

Every mutant has a number; with the seed it is made again:

    python tests/fuzz/fuzz_run.py --seed 20261121 --only 4711 --keep FOLDER
    python tests/fuzz/fuzz_run.py --seed 20261121 --first 0 --count 5000 --log chunk.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[up]) for up in (2, 1, 0)]

from fuzz_dicom import mutate_dicom
from fuzz_pictures import mutate_bmp, mutate_jpeg, mutate_png, mutate_tiff, mutate_webp
from fuzz_seeds import Seed, Seeds, gather
from fuzz_volumes import mutate_hdf5, mutate_mgh, mutate_mha, mutate_nifti, mutate_nrrd, mutate_pair, mutate_zip

from core.errors import InputError, MeninxError
from core.geometry import Geometry
from core.io.processor import Patience
from core.io.sandbox import Decoder
from core.io.source import Source
from core.messages import sentence
from core.volume import Volume, auto_window

MEMORY = 1 << 30
"""Bytes by which the child may grow here: seeds are small, so what needs more is a bomb."""
PATIENCE = 10.0
_DEATHS = ("file-killed-decoder", "file-decoder-slow")
_SLOWEST = 5
Mutator = Callable[[bytes, random.Random], bytes]
MUTATORS: dict[str, Mutator] = {
    "dicom": mutate_dicom, "nifti": mutate_nifti, "nrrd": mutate_nrrd, "mha": mutate_mha, "mgh": mutate_mgh,
    "hdf5": mutate_hdf5, "png": mutate_png, "tiff": mutate_tiff, "jpeg": mutate_jpeg, "webp": mutate_webp,
    "bmp": mutate_bmp, "zip": mutate_zip,
}  # fmt: skip
WEIGHTS = {
    "dicom": 44, "nifti": 9, "nrrd": 5, "mha": 5, "mgh": 4, "hdf5": 7, "png": 5, "tiff": 6, "jpeg": 2, "webp": 2,
    "bmp": 2, "zip": 3, "series": 6, "pair": 4,
}  # fmt: skip
_GRID = Geometry((5, 6, 7), np.diag([1.0, 2.0, 3.0, 1.0]))


class Failure(AssertionError):
    """The program did what it must not do."""


@dataclass
class Tally:
    """What came of mutants."""

    seed: int
    first: int
    count: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    peak: int = 0

    def merge(self, other: Tally) -> None:
        """Add another tally of the same seed."""
        self.count += other.count
        self.seconds += other.seconds
        self.outcomes += other.outcomes
        self.kinds += other.kinds
        self.deaths += other.deaths
        self.failures += other.failures
        self.slowest = sorted([*self.slowest, *other.slowest], reverse=True)[:_SLOWEST]
        self.peak = max(self.peak, other.peak)

    def __str__(self) -> str:
        outcomes = ", ".join(f"{code} {count}" for code, count in self.outcomes.most_common())
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
        slow = "; ".join(f"{seconds:.2f} s {name}" for seconds, name in self.slowest)
        return (
            f"seed {self.seed}, mutants {self.first} to {self.first + self.count - 1}: {self.count} in "
            f"{self.seconds:.0f} s of work\nof {kinds}\nended as: {outcomes}\n"
            f"decoder deaths: {len(self.deaths)} {self.deaths}\nslowest: {slow}\n"
            f"failures: {len(self.failures)} {self.failures}\n"
            f"the child grew by at most {self.peak >> 20} MB"
        )

    @classmethod
    def load(cls, path: Path) -> Tally:
        """Read what :meth:`save` wrote."""
        facts = json.loads(path.read_text("utf-8"))
        facts["slowest"] = [(seconds, name) for seconds, name in facts["slowest"]]
        return cls(**(facts | {"outcomes": Counter(facts["outcomes"]), "kinds": Counter(facts["kinds"])}))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(vars(self)), "utf-8")


def most_memory(pid: int) -> int:
    """Return the most resident bytes a process ever had, 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def spent_by(pid: int) -> float:
    """Return the processor seconds of a process, 0 where the system does not tell."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


class Runner:
    """Makes mutants of seeds and sends them through one decoder.

    Parameters
    ----------
    seeds
        Whole files.
    folder
        Where mutants lie while they are read.
    seed
        With a mutant's number, what is done to it.
    """

    def __init__(self, seeds: Seeds, folder: Path, seed: int, patience: float = PATIENCE) -> None:
        self._seeds = seeds
        self._folder = folder
        self._seed = seed
        self.decoder = Decoder(memory=MEMORY, patience=Patience(patience, 6 * patience))
        self._base = (0, 0)

    def make(self, number: int) -> tuple[str, Path, tuple[Seed, ...]]:
        """Write one mutant; return its name, where it is, and the slices of its series that are whole."""
        chance = random.Random(f"{self._seed}:{number}")
        there = [kind for kind in WEIGHTS if kind in ("series", "pair") or kind in self._seeds.files]
        kind = chance.choices(there, [WEIGHTS[kind] for kind in there])[0]
        folder = self._folder / f"m{number}"
        folder.mkdir(parents=True)
        if kind == "series":
            slices = chance.choice(self._seeds.series)
            broken = chance.sample(range(len(slices)), chance.choice((1, 1, 2)))
            for index, one in enumerate(slices):
                data = MUTATORS[one.kind](one.data, chance) if index in broken else one.data
                (folder / one.name).write_bytes(data)
            name = f"{number} series {slices[0].name} {sorted(broken)}"
            return name, folder, tuple(one for index, one in enumerate(slices) if index not in broken)
        if kind == "pair":
            files = mutate_pair(chance.choice(self._seeds.pairs), chance)
            for called, data in files.items():
                (folder / called).write_bytes(data)
            header = next(iter(files))
            return f"{number} pair/{header}", folder / header, ()
        seed = chance.choice(self._seeds.files[kind])
        path = folder / seed.name.rsplit("/", 1)[-1]
        path.write_bytes(MUTATORS[kind](seed.data, chance))
        return f"{number} {seed.name}", path, ()

    def one(self, number: int, tally: Tally) -> list[str]:
        """Send one mutant through; return what came of its parts."""
        name, path, whole = self.make(number)
        start, child = time.process_time(), self._child()
        before = spent_by(child)
        outcomes: list[str] = []
        try:
            outcomes = self._whole_import(path, whole)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
            tally.failures.append(f"{name}: {type(error).__name__}: {error}")
        # of the processor, here and in the child: how busy the machine is says nothing of a file
        took = (
            time.process_time() - start + max(0.0, spent_by(self._child()) - (before if self._child() == child else 0))
        )
        tally.count += 1
        tally.seconds += took
        tally.outcomes.update(outcomes)
        tally.kinds["series" if whole else name.split(" ", 1)[1].split("/")[0]] += 1
        tally.deaths += [f"{name}: {code}" for code in outcomes if code in _DEATHS]
        tally.slowest = sorted([*tally.slowest, (round(took, 3), name)], reverse=True)[:_SLOWEST]
        tally.peak = max(tally.peak, self._grown())
        return outcomes

    def _child(self) -> int:
        process = self.decoder._process
        return (process.pid or 0) if process is not None else 0

    def _grown(self) -> int:
        """By how much the child has ever grown since it began."""
        child = self._child()
        now = most_memory(child)
        if self._base[0] != child:
            self._base = (child, now)
        return now - self._base[1]

    def warm(self) -> None:
        """Start the child, so that its size before any file is known."""
        empty = self._folder / "warm"
        empty.mkdir(parents=True, exist_ok=True)
        patience, self.decoder._patience = self.decoder._patience, Patience(120.0, 240.0)
        # the first answer comes once everything is loaded, which a busy machine takes its time for
        self.decoder.find([empty])
        self.decoder._patience = patience
        self._grown()

    def _whole_import(self, path: Path, whole: tuple[Seed, ...]) -> list[str]:
        """Find, preview, header lines, read, masks: what an import does, and what it may do again."""
        try:
            found = self.decoder.find([path])
        except InputError as error:
            return [_worded(error)]
        outcomes = [_worded(passed.error) for passed in found.passed]
        volumes: list[Volume] = []
        for source in found.sources[:8]:
            for look in (self.decoder.preview, lambda one: self.decoder.entries(one, identity=False)):
                code = _refused(lambda look=look, source=source: look(source))
                outcomes += [code] if code in _DEATHS else []
            outcomes.append(self._read(source, volumes))
            if not whole and source.files[0] == path:
                own = replace(source, masks=(path,))
                outcomes.append("mask:" + (_refused(lambda own=own: self.decoder.read_masks(own)) or "read"))
        if not whole:
            outcomes.append("as mask:" + (_refused(lambda: self.decoder.read_mask_file(path, _GRID)) or "read"))
        for notice in (*found.notices, *(notice for source in found.sources for notice in source.notices)):
            _say(notice)
        self._all_there(whole, volumes)
        return [code.removeprefix("mask:") if code.endswith(_DEATHS) else code for code in outcomes]

    def _read(self, source: Source, volumes: list[Volume]) -> str:
        """Read a source; a bad slice costs itself, a scan of several volumes is asked for its first."""
        try:
            volume = self.decoder.read(source)
        except InputError as error:
            code = _worded(error)
            if code == "volume-needed" and source.volume is None:
                return self._read(replace(source, volume=0), volumes)
            if code == "dataset-needed" and not source.dataset:
                return self._read(replace(source, dataset=str(error.fields["datasets"]).split(",")[0].strip()), volumes)
            kept = tuple(path for path in source.files if path.name != error.fields.get("file"))
            if len(source.files) > 1 and 0 < len(kept) < len(source.files):
                return self._read(replace(source, files=kept), volumes)
            return code
        _sound(volume)
        volumes.append(volume)
        return "read"

    def _all_there(self, whole: tuple[Seed, ...], volumes: list[Volume]) -> None:
        """Hold that no whole slice is lost because others are broken."""
        if not whole:
            return
        planes = [plane[..., 0] if plane.ndim == 3 else plane for volume in volumes for plane in volume.array]
        for seed in whole:
            pixels = self._pixels(seed)
            if not any(plane.shape == pixels.shape and (plane == pixels).all() for plane in planes):
                raise Failure(f"{seed.name} is whole but was not read with the rest")

    def _pixels(self, seed: Seed) -> np.ndarray:
        known = self.__dict__.setdefault("_known", {})
        if seed.data not in known:
            path = self._folder / "whole" / seed.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(seed.data)
            known[seed.data] = self.decoder.read(self.decoder.find([path]).sources[0]).array[0]
        return known[seed.data]

    def run(self, first: int, count: int, *, keep: Path | None = None) -> Tally:
        """Send many mutants through; those that fail or kill the decoder are copied to ``keep``."""
        tally = Tally(self._seed, first)
        try:
            self.warm()
            for number in range(first, first + count):
                bad = len(tally.failures) + len(tally.deaths)
                self.one(number, tally)
                if len(tally.failures) + len(tally.deaths) > bad:
                    self.warm()
                mutant = self._folder / f"m{number}"
                if keep is not None and len(tally.failures) + len(tally.deaths) > bad:
                    shutil.copytree(mutant, keep / f"{self._seed}-{number}", dirs_exist_ok=True)
                shutil.rmtree(mutant)
        finally:
            self.decoder.close()
        return tally


def _refused(step: Callable[[], object]) -> str:
    """Return the code that a step was refused with, empty if it was not."""
    try:
        step()
    except InputError as error:
        return _worded(error)
    return ""


def _worded(error: MeninxError) -> str:
    """Return an error's code, if it is one of ours with one plain sentence."""
    if not isinstance(error, InputError):
        raise Failure(f"{type(error).__name__} {error.code} came out")
    words = sentence(error)
    # control characters of a name are told as "?"
    told = ["".join(one if one.isprintable() else "?" for one in str(value)) for value in error.fields.values()]
    named = any(value and value in words for value in told)
    if not words.endswith((".", ".)")) or "\n" in words or not (named or not error.fields):
        raise Failure(f"not one plain sentence: {words!r}")
    return error.code


def _say(notice: object) -> None:
    from core.messages import text

    text(f"notices.{notice.key}", **notice.fields)


def _sound(volume: Volume) -> None:
    """Hold that what was read can be shown."""
    if volume.array.shape[:3] != volume.shape or not volume.array.size:
        raise Failure(f"array {volume.array.shape} in a volume of {volume.shape}")
    affine = volume.geometry.affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise Failure(f"an affine that no scan has: {affine.tolist()}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        window = auto_window(volume)
        window_ok = np.isfinite([window.low, window.width]).all() and window.width > 0
    if not window_ok:
        raise Failure(f"a window that shows nothing: {window}")


def main() -> None:
    """Run mutants as told on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--only", type=int)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--patience", type=float, default=PATIENCE)
    parser.add_argument("--real", type=Path)
    given = parser.parse_args()
    first, count = (given.only, 1) if given.only is not None else (given.first, given.count)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        runner = Runner(
            gather(Path(folder) / "seeds", given.real), Path(folder) / "mutants", given.seed, given.patience
        )
        if given.only is not None and given.keep is not None:
            _name, path, _whole = runner.make(given.only)
            shutil.copytree(path if path.is_dir() else path.parent, given.keep, dirs_exist_ok=True)
            shutil.rmtree(Path(folder) / "mutants" / f"m{given.only}")
        start = time.monotonic()
        tally = runner.run(first, count, keep=given.keep)
    if given.log is not None:
        tally.save(given.log)
    sys.stdout.write(f"{tally}\n{count / (time.monotonic() - start):.0f} mutants a second\n")


if __name__ == "__main__":
    main()
