"""An exported network is called from several threads; what comes out stays in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.learning.prepare import Preparation
from core.learning.runs import ONNX_FILE
from models import exported
from models.checkpoint import export_model
from models.exported import ExportedNetwork


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    export_model(folder, nn.Conv2d(3, 1, 3, padding=1).eval(), Preparation(32, 3), {"labels": ["Brain"]})
    return folder / ONNX_FILE


@pytest.fixture(scope="module")
def network(file: Path) -> ExportedNetwork:
    return ExportedNetwork(file)


def test_many_calls_beside_each_other_give_what_each_gives_alone(network: ExportedNetwork) -> None:
    random = np.random.default_rng(0)
    given = [random.standard_normal((4, 3, 32, 32)).astype(np.float32) for _ in range(40)]
    alone = [network(one)[0] for one in given]
    beside = [found[0] for found in network.in_turns(network, given)]
    assert len(beside) == 40
    for one, other in zip(alone, beside, strict=True):
        assert np.array_equal(one, other)


def test_however_many_cores_there_are_few_calls_are_beside_each_other(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ExportedNetwork(file).beside <= exported.MOST_BESIDE
    monkeypatch.setattr(exported, "MOST_BESIDE", 1)
    network = ExportedNetwork(file)
    assert network.beside == 1
    given = [np.full((2, 3, 32, 32), number, np.float32) for number in range(6)]
    assert [found[0].shape for found in network.in_turns(network, given)] == [(2, 1, 32, 32)] * 6


def test_results_keep_their_order_when_the_first_takes_longest(network: ExportedNetwork) -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(network.in_turns(work, range(20))) == list(range(20))


def test_who_leaves_early_leaves_no_work_behind(network: ExportedNetwork) -> None:
    begun: list[int] = []
    before = threading.active_count()

    def work(number: int) -> int:
        begun.append(number)
        return number

    turns = network.in_turns(work, range(1000))
    assert next(turns) == 0
    turns.close()  # type: ignore[attr-defined]  # a generator
    assert len(begun) <= network.beside + 2
    assert threading.active_count() == before


def test_what_breaks_in_a_piece_reaches_the_caller(network: ExportedNetwork) -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    turns = network.in_turns(work, range(10))
    assert [next(turns) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(turns)


def test_what_breaks_in_what_is_given_reaches_the_caller(network: ExportedNetwork) -> None:
    def given() -> Iterator[int]:
        yield 0
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        list(network.in_turns(lambda number: number, given()))


def test_one_thread_is_one_call_at_a_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert ExportedNetwork(file).beside == 1
