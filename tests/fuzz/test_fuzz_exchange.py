"""Broken exports of other tools through the decoding child: what can be read, or one sentence, and nothing else.

pytest tests/fuzz/test_fuzz_exchange.py                     1,000 mutants for each reader
MENINX_SEED=7 pytest tests/fuzz/test_fuzz_exchange.py -m soak    10,000 for each
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from exchange_support import nothing_else_changed, random_item, random_labels, written
from fuzz_bytes import any_bytes, write_anew
from fuzz_pictures import mutate_png
from fuzz_volumes import mutate_hdf5, mutate_nifti, mutate_nrrd

from core.errors import InputError
from core.exchange.incoming import Line
from core.io import sandbox
from core.io.processor import Patience
from core.io.sandbox import Decoder
from core.messages import sentence, text

SEED = int(os.environ.get("MENINX_SEED", "20261121"))
MUTANTS = 1_000
SOAK = 10_000
SLOWEST = 3.0
NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 255, 2**31, 2**63, 10**30, 1e308, float("nan"), "", " ", "../../x", "/etc/passwd", "C:\\x",
    "a\0b", "\ud800", "x" * 5000, [], {}, [[]], [1, 2, 3], {"0": "x"}, [10**9, 10**9, 10**9], "0-999999999", "#12345",
    "1" * 400,
)  # fmt: skip


def seeds(folder: Path) -> dict[str, list[Path]]:
    """Write small whole exports, several for each reader."""
    found: dict[str, list[Path]] = {}
    for number in range(3):
        chance = np.random.default_rng((3, number))
        item = random_item(chance, random_labels(chance)[:4])
        for format in ("nifti", "nrrd", "png", "hdf5", "nnunet", "bids"):
            for layout in ("each", "map"):
                place = written(item, format, folder / f"{format}-{number}-{layout}", layout=layout, images=True)
                found.setdefault({"bids": "nifti"}.get(format, format), []).append(place)
        place = folder / f"decathlon-{number}"
        (place / "in").mkdir(parents=True)
        for name in ("a.nii.gz", "b.nii.gz"):
            nibabel.save(nibabel.Nifti1Image(item.volume.array.T % 3, np.eye(4)), place / "in" / name)
        facts = {"labels": {"0": "background", "1": "x"}, "modality": {"0": "MR"}}
        task = facts | {"training": [{"image": "./in/a.nii.gz", "label": "./in/b.nii.gz"}]}
        (place / "dataset.json").write_text(json.dumps(task))
        found.setdefault("decathlon", []).append(place)
    return found


def mutate_json(data: bytes, chance: random.Random) -> bytes:
    """Put nasty values into a JSON file, or take some away."""
    if chance.random() < 0.2:
        return any_bytes(data, chance)
    content = json.loads(data)
    for _ in range(chance.randint(1, 3)):
        _spoil(content, chance)
    return json.dumps(content).encode("utf-8", "surrogatepass")


def _spoil(content: Any, chance: random.Random) -> None:
    at = content
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(at[key], (dict, list)) and at[key] and chance.random() < 0.7:
            at = at[key]
            continue
        if isinstance(at, dict) and chance.random() < 0.3:
            del at[key]
        else:
            at[key] = copy.deepcopy(chance.choice(NASTY))
        return


def mutate_gz(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return any_bytes(data, chance)
    return gzip.compress(mutate_nifti(gzip.decompress(data), chance), 1)


MUTATORS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": mutate_json, ".gz": mutate_gz, ".png": mutate_png, ".nrrd": mutate_nrrd, ".h5": mutate_hdf5,
    ".tsv": any_bytes,
}  # fmt: skip


class Run:
    """Sends mutants of the exports of one reader through a decoder, and counts what came of them."""

    def __init__(self, folder: Path, reader: str, places: list[Path]) -> None:
        self.reader = reader
        self.seeds = [
            (place, [file for file in sorted(place.rglob("*")) if file.suffix in MUTATORS]) for place in places
        ]
        self.root = folder / f"mutant-{reader}"
        self.tally: Counter[str] = Counter()

    def mutant(self, number: int, decoder: Decoder) -> None:
        chance = random.Random(f"{SEED}-{self.reader}-{number}")
        place, files = chance.choice(self.seeds)
        file = chance.choice(files)
        held = self.root / place.name
        if not held.exists():
            shutil.copytree(place, held)
        target = held / file.relative_to(place)
        write_anew(target, MUTATORS[file.suffix](file.read_bytes(), chance))
        try:
            self._read(held, decoder, f"{self.reader} {number} {target}")
        finally:
            write_anew(target, file.read_bytes())

    def _read(self, path: Path, decoder: Decoder, told: str) -> None:
        lines: list[Line] = []
        try:
            decoder.exchange(path, lambda line, _packed: lines.append(line), self.reader)
        except InputError as error:
            words = sentence(error)
            assert words, told
            assert "\n" not in words, told
            self.tally[error.code] += 1
            return
        except BaseException as error:
            raise AssertionError(told) from error
        for line in lines:
            if line.problem is not None:
                assert text(f"notices.{line.problem.key}", **line.problem.fields), told
            if line.image is not None:
                assert path in line.image.parents, told
                assert not line.image.is_symlink(), told
        self.tally["read"] += 1


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Path]]]:
    folder = tmp_path_factory.mktemp("exports")
    return folder, seeds(folder / "seeds")


READERS = ("nifti", "nrrd", "png", "hdf5", "nnunet", "decathlon")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a mutant over which a library never ends sooner than a person's large file."""
    monkeypatch.setattr(sandbox, "_EXCHANGE_SECONDS", 0.0)


def run(exports: tuple[Path, dict[str, list[Path]]], reader: str, count: int) -> Counter[str]:
    folder, places = exports
    made = Run(folder, reader, places[reader])
    with Decoder(patience=Patience(SLOWEST, 20 * SLOWEST)) as decoder, nothing_else_changed(folder, made.root):
        for number in range(count):
            made.mutant(number, decoder)
    print(reader, dict(made.tally))  # noqa: T201 - make soak shows it
    return made.tally


@pytest.mark.parametrize("reader", READERS)
def test_thousand_broken_exports(exports: tuple[Path, dict[str, list[Path]]], reader: str) -> None:
    tally = run(exports, reader, MUTANTS)
    assert tally.total() == MUTANTS
    assert tally["read"] > MUTANTS // 20, "mutants so broken that nothing is tested"
    assert tally["file-killed-decoder"] + tally["file-decoder-slow"] <= 6, tally


@pytest.mark.soak
@pytest.mark.parametrize("reader", READERS)
def test_ten_thousand_broken_exports(exports: tuple[Path, dict[str, list[Path]]], reader: str) -> None:
    assert run(exports, reader, SOAK).total() == SOAK
