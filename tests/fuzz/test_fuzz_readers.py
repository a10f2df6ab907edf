"""Broken files of every kind through the decoding child: a volume or one sentence, nothing else.

    pytest tests/fuzz                              2,000 mutants
    MENINX_MUTANTS=200000 MENINX_SEED=20261121 pytest tests/fuzz -m soak -s --timeout=0

The soak runs in chunks by two processes; with MENINX_FUZZ_LOG=FOLDER it goes on
where it was stopped, and keeps the mutants that failed or killed the decoder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fuzz_run import MEMORY, MUTATORS, WEIGHTS, Runner, Tally
from fuzz_seeds import gather

from core.events import ScanReady, Skipped
from core.io.sandbox import Decoder
from core.messages import sentence
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.volume import auto_window

SEED = 20261121
MUTANTS = 2_000
SOAK = 200_000
CHUNK = 2_500
FOLDER = 150
PROCESSES = 2
SLOWEST = 10.0


def test_whole_seeds_are_read_or_refused_in_words(tmp_path: Path) -> None:
    seeds = gather(tmp_path / "seeds")
    assert set(seeds.files) == set(MUTATORS), "a kind of file has mutators but no seeds"
    assert set(WEIGHTS) == {*MUTATORS, "series", "pair"}
    with Decoder() as decoder:
        for kind, files in seeds.files.items():
            for seed in (seed for seed in files if seed.name.startswith("made/")):
                path = tmp_path / seed.name.removeprefix("made/")
                path.write_bytes(seed.data)
                found = decoder.find([path])
                assert found.sources, (kind, seed.name, [str(passed.error) for passed in found.passed])
        for number, pair in enumerate(seeds.pairs):
            folder = tmp_path / f"pair{number}"
            folder.mkdir()
            for name, data in pair.items():
                (folder / name).write_bytes(data)
            assert len(decoder.find([folder]).sources) == 1, list(pair)


def test_two_thousand_mutants(tmp_path: Path) -> None:
    seeds = gather(tmp_path / "seeds")
    tally = Runner(seeds, tmp_path / "mutants", SEED, patience=SLOWEST).run(0, MUTANTS)
    hold(tally, MUTANTS)
    # the mutants are neither all harmless nor all hopeless, or this would test nothing
    assert 0.1 < tally.outcomes["read"] / MUTANTS < 0.9
    assert not tally.deaths, str(tally)


def test_a_folder_of_mutants_becomes_a_sound_project(tmp_path: Path) -> None:
    seeds = gather(tmp_path / "seeds")
    runner = Runner(seeds, tmp_path / "mutants", SEED + 1)
    for number in range(FOLDER):
        runner.make(number)
    project = tmp_path / "p.meninx"
    Project.create(project).close()
    events = list(import_job(project, [tmp_path / "mutants"], ImportOptions(label="Brain", volume=0)))
    ready = [event for event in events if isinstance(event, ScanReady)]
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert len(ready) > FOLDER // 10
    assert len(skipped) > FOLDER // 10
    for event in skipped:
        assert sentence(event.error).endswith(".")
        assert event.error.code not in ("file-killed-decoder", "file-decoder-slow"), event.source
    with Project.open(project) as opened:
        assert opened.verify() == []
        for scan in opened.scans():
            volume = opened.read_volume(scan.id)
            assert volume.shape == scan.shape[:3]
            window = auto_window(volume)
            assert window.width > 0


def hold(tally: Tally, count: int) -> None:
    """Hold what is true of any number of mutants."""
    assert tally.failures == [], str(tally)
    assert tally.count == count
    assert tally.outcomes["file-decoder-slow"] == 0, str(tally)
    assert tally.slowest[0][0] < SLOWEST, str(tally)
    assert tally.peak <= MEMORY


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_mutants(tmp_path_factory: pytest.TempPathFactory) -> None:
    count = int(os.environ.get("MENINX_MUTANTS", SOAK))
    seed = int(os.environ.get("MENINX_SEED", time.time_ns() % 2**31))
    given = os.environ.get("MENINX_FUZZ_LOG")
    log = Path(given) if given else tmp_path_factory.mktemp("fuzz")
    log.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"\nseed {seed}, chunks in {log}\n")
    parts = [(first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        done = list(pool.map(lambda part: _chunk(log, seed, *part), parts))
    total = Tally(seed, 0)
    for tally in done:
        total.merge(tally)
    sys.stderr.write(f"{total}\n")
    hold(total, count)


def _chunk(log: Path, seed: int, first: int, count: int) -> Tally:
    """Run a part in a process of its own, unless it has been run before."""
    result = log / f"{seed}-{first}-{count}.json"
    if not result.exists():
        script = Path(__file__).with_name("fuzz_run.py")
        command = [sys.executable, str(script), "--seed", str(seed), "--first", str(first), "--count", str(count)]
        command += ["--log", str(result), "--keep", str(log / "kept")]
        real = Path(os.environ.get("MENINX_DATA", Path(__file__).parents[3] / "shared" / "data"))
        if real.is_dir():
            command += ["--real", str(real)]
        with tempfile.TemporaryFile() as words:
            code = subprocess.run(command, stdout=words, stderr=words, check=False).returncode
            words.seek(0)
            assert code == 0, f"the program died: {words.read().decode(errors='replace')[-4000:]}"
        sys.stderr.write(f"{result.name}\n")
    return Tally.load(result)
