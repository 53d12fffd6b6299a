"""What the machine can do at best, measured in the process that measures the kernels: matrix products and memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from valle_bench.runner.turns import by_processor, timed

SECONDS = 0.4
"""How long each peak is looked for."""

FEWEST, MOST = 3, 50
PRODUCT = {"cuda": 8192, "cpu": 1024}
"""Side of the square matrices."""

COPY = {"cuda": 2**30, "cpu": 2**27}
"""Bytes that are read and written again: many times any cache."""


def product_rate(device: torch.device, dtype: str) -> float:
    """Operations per second of the best product of square matrices."""
    n = PRODUCT.get(device.type, 2048)
    kind = getattr(torch, dtype)
    a, b = (torch.randn(n, n).to(device, kind) for _ in range(2))
    out = torch.empty(n, n, dtype=kind, device=device)
    return 2.0 * n**3 / _best(lambda: torch.mm(a, b, out=out), device)


def copy_rate(device: torch.device) -> float:
    """Bytes per second of the best copy, both ways counted."""
    size = COPY.get(device.type, 2**28)
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    return 2.0 * size / _best(lambda: target.copy_(source), device)


def peaks(device: torch.device, dtypes: Sequence[str]) -> dict[str, object]:
    """FLOP/s by dtype and bytes per second, as facts of a report."""
    rates = {dtype: product_rate(device, dtype) for dtype in dtypes}
    return {"flops": rates, "bandwidth": copy_rate(device)}


def _best(run: Callable[[], object], device: torch.device) -> float:
    timed(run, device)
    begun, times = time.perf_counter(), []
    while len(times) < FEWEST or (time.perf_counter() - begun < SECONDS and len(times) < MOST):
        alone = device.type == "cpu" and torch.get_num_threads() == 1  # by the clock of the kernels
        times.append(by_processor(run) if alone else timed(run, device)[0])
    return min(times)
