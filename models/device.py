"""Where a training runs, and in which precision."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import torch
from torch import nn

from core.errors import LearningError

PROBE_SECONDS = 1.2
GAIN = 1.1
"""bfloat16 is taken on a CPU only if a step is at least this much faster."""
CPU_BATCH, GPU_BATCH = 8, 16
LEAST_STEPS, CPU_STEPS, GPU_STEPS = 10, 60, 250
PRECISION = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def precision_name(precision: torch.dtype) -> str:
    """Return ``float32``, ``bfloat16`` or ``float16``."""
    return str(precision).removeprefix("torch.")


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return the context in which a network computes in a precision."""
    mixed = precision is not torch.float32
    return torch.autocast(device.type, precision if mixed else torch.bfloat16, enabled=mixed)


def pick_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``mps`` into a device.

    Raises
    ------
    LearningError
        ``device-missing`` if it was named and is not here.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, here in available.items() if here)
    if not available.get(name, False):
        raise LearningError("device-missing", device=name)
    return torch.device(name)


def onto(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor of the CPU to a device, without waiting for what the device is doing."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def use_threads() -> int:
    """Let torch use the cores that the job was given (``OMP_NUM_THREADS``), and return how many."""
    threads = os.environ.get("OMP_NUM_THREADS", "")
    count = int(threads) if threads.isdecimal() and int(threads) > 0 else os.cpu_count() or 1
    torch.set_num_threads(count)
    return count


def pick_precision(
    name: str,
    device: torch.device,
    network: nn.Module,
    example: torch.Tensor,
    go_on: Callable[[], bool] = lambda: True,
) -> torch.dtype:
    """Choose float32, bfloat16 or float16 (autocast).

    Under ``auto``: on CUDA bfloat16 where the device has it, else float16; on a CPU bfloat16 where a trial step of
    this very network on ``example`` ``[n, c, h, w]`` is faster by :data:`GAIN` (it is slower on
    CPUs without the instructions). The network is left as it was. The trial ends early once ``go_on`` says no,
    and without one it is float32.
    """
    if name != "auto":
        return PRECISION[name]
    if device.type == "cuda":
        # older devices only play at bfloat16, many times slower
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device.type != "cpu" or example.shape[-1] <= 64:
        return torch.float32
    deadline = time.monotonic() + PROBE_SECONDS
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    # in turn, on one thread and in CPU time: what else this computer does meanwhile must not decide
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    # a batch norm learns from whatever passes it
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        while time.monotonic() < deadline and go_on():
            for precision in best:
                best[precision] = min(best[precision], _step_seconds(network, example[:1], precision))
    finally:
        torch.set_num_threads(threads)
        for buffer, before in buffers:
            buffer.copy_(before)
    network.zero_grad(set_to_none=True)
    # not <=: two trials that were not made are both infinitely slow
    return torch.bfloat16 if best[torch.bfloat16] * GAIN < best[torch.float32] else torch.float32


def _step_seconds(network: nn.Module, example: torch.Tensor, precision: torch.dtype) -> float:
    """CPU time of one forward and backward pass."""
    started = time.process_time()
    with autocast(example.device, precision):
        loss = network(example).float().square().mean()
    torch.autograd.backward(loss)
    return time.process_time() - started


def seed_everything(seed: int) -> None:
    """Seed torch; everything else random is drawn from generators of its own."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory was short (CUDA, MPS or the CPU's allocator)."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)
