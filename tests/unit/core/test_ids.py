"""Ids are sorted by when they were made."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.ids import new_id


def test_each_is_above_the_one_before_also_in_one_millisecond() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000
    assert all(len(one) == 26 for one in made)


def test_and_where_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    assert new_id() > before


def test_threads_never_get_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_id(), range(20_000)))
    assert len(set(made)) == 20_000
