"""How many operations a scan is where each is a launch: counted on the meta device, which computes nothing."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from valle_mamba.scan_blocks import Blocks
from valle_mamba.scan_passes import scan, scan_back

VIEWS = ("view", "slice", "select", "unsqueeze", "squeeze", "expand", "unflatten", "transpose", "alias", "detach", "t.")


class Launches(TorchDispatchMode):
    """Counts what is no view."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):
        self.count += not any(word in str(function) for word in VIEWS)
        return function(*given, **(named or {}))


def launches(B: int, T: int, d: int, N: int) -> int:
    def at(*shape):
        return torch.empty(*shape, device="meta")

    u, dt, b, c, A = at(B, T, d), at(B, T, d), at(B, T, N), at(B, T, N), at(N, d)
    with Launches() as counted:
        _, _, starts = scan(u, dt, A, b, c, None, None, remember=True)
        scan_back(u, u, dt, A, b, c, None, starts)
    return counted.count


def test_a_training_step_on_a_device_is_hundreds_of_launches_a_scan_not_thousands():
    """A step of 24 layers made 290,000 with the tiles of a CPU's cache."""
    assert launches(16, 1024, 1024, 16) < 1500
    assert launches(64, 1024, 1024, 16) < 4 * 1500


def test_a_cpu_keeps_the_tiles_of_its_cache():
    small, large = Blocks.of(16, 1024, 2**14), Blocks.of(16, 1024, 2**14, "cuda")
    assert (small.rows, small.side_by_side) == (1, 8)
    assert (large.rows, large.chunks <= large.side_by_side) == (16, True)
    assert small.chunks == large.chunks
