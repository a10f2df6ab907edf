"""An exported network, run by OpenVINO on the processor: no torch, no network.

OpenVINO's telemetry package is kept from loading.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError

Work = TypeVar("Work")
Result = TypeVar("Result")
MOST_BESIDE = 8
"""Calls beside each other, of however many cores: four slices of 512 x 512 take 0.2 GB (with the large U-Net 0.4)."""


class ExportedNetwork:
    """A network of a run's folder, ready to be called, from several threads at once too.

    Parameters
    ----------
    file
        ``model.onnx``.
    exact
        Compute in float32, where OpenVINO would otherwise choose bfloat16 on a CPU that has it (twice as fast,
        probabilities about 0.01 off); and one call at a time on all cores, instead of several calls beside each
        other: sooner for a single call, later for many.

    Attributes
    ----------
    beside
        How many calls beside each other keep the processor busy.
    takes
        Lengths of the axes that its input has; -1 for one that may be anything.
    gives
        The same of each output.

    Raises
    ------
    LearningError
        ``model-damaged`` naming the file.
    """

    def __init__(self, file: Path, *, exact: bool = False) -> None:
        compiled = _compile(file, exact=exact)
        self.beside = min(MOST_BESIDE, max(1, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))))
        self.takes = _lengths(compiled.input(0))
        self.gives = tuple(_lengths(port) for port in compiled.outputs)
        # a request serves one call at a time
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(self.beside):
            self._free.put(compiled.create_infer_request())

    def __call__(self, stacks: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Return its outputs for ``[n, channels, rows, columns]``; waits while all requests are under way."""
        with self._request() as request:
            found = request.infer({0: np.ascontiguousarray(stacks, dtype=np.float32)}, share_inputs=True)
            return tuple(np.asarray(found[number], dtype=np.float32) for number in range(len(self.gives)))

    def in_turns(self, work: Callable[[Work], Result], given: Iterable[Work]) -> Iterator[Result]:
        """Do a piece of work that calls the network for each of ``given``, some beside each other; results in order.

        No more is begun than is soon asked for, and nothing once the caller has left.
        """
        waiting: deque[Future[Result]] = deque()
        pool = ThreadPoolExecutor(self.beside, "predict")
        try:
            for one in given:
                # one more than can be under way: none has to wait for the next to be handed out
                if len(waiting) > self.beside:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(work, one))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    @contextlib.contextmanager
    def _request(self) -> Iterator[Any]:
        request = self._free.get()
        try:
            yield request
        finally:
            self._free.put(request)


def load_openvino() -> Any:
    """Return OpenVINO without its telemetry: nothing is counted, written into the person's home or sent anywhere."""
    # None makes the import of that name fail, and OpenVINO then takes its own silent stub
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # documented meaning of None
    import openvino

    return openvino


def _lengths(port: Any) -> tuple[int, ...]:
    return tuple(dim.get_length() if dim.is_static else -1 for dim in port.partial_shape)


def _compile(file: Path, *, exact: bool) -> Any:
    openvino = load_openvino()
    if not file.is_file():
        raise LearningError("model-damaged", file=file)
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY" if exact else "THROUGHPUT"}
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > 0:
        options["INFERENCE_NUM_THREADS"] = int(threads)
    if exact:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    else:
        # fewer calls, each on more cores
        options["PERFORMANCE_HINT_NUM_REQUESTS"] = MOST_BESIDE
    core = openvino.Core()
    try:
        return core.compile_model(core.read_model(file), "CPU", options)
    except RuntimeError as error:
        raise LearningError("model-damaged", file=file) from error
