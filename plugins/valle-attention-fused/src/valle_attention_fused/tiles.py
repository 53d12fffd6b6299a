"""Sizes of blocks and tiles, warps and pipeline stages: a fixed table by head width, dtype and device.

No search at run time: a search costs minutes at every new shape, and would make two runs differ. The rows were chosen
so that the kernels compile for compute capability 9.0 with few or no spilled registers, fit its shared memory and use
its matrix units in 16 bits (`tests/test_compiled.py`); no row was timed on a GPU yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """How one kernel runs: tiles of `inner` places, so many warps for a block and loads ahead of their use."""

    inner: int
    warps: int
    stages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiles:
    """How the kernels of one head width and dtype run.

    Attributes:
        block: places of a block; one for all passes, so that packed rows need one table of blocks.
        forward: tile of keys.
        query_gradient: tile of keys.
        key_gradient: tile of queries.
        decode: tile of keys.
    """

    block: int
    forward: Tile
    query_gradient: Tile
    key_gradient: Tile
    decode: Tile


def _all(block: int, *rows: tuple[int, int, int]) -> Tiles:
    forward, query, key, decode = (Tile(inner=inner, warps=warps, stages=stages) for inner, warps, stages in rows)
    return Tiles(block=block, forward=forward, query_gradient=query, key_gradient=key, decode=decode)


HALF = {
    64: _all(128, (64, 4, 3), (64, 8, 3), (64, 8, 3), (128, 4, 3)),
    128: _all(128, (64, 8, 3), (64, 8, 2), (64, 8, 2), (64, 4, 3)),
    256: _all(64, (32, 8, 2), (32, 8, 2), (32, 8, 2), (32, 4, 2)),
}
"""Padded head width, up to and with → tiles of bfloat16 and float16, compute capability 9.0 and above."""

SINGLE = {
    64: _all(64, (32, 4, 2), (32, 4, 2), (32, 4, 2), (64, 4, 2)),
    128: _all(32, (32, 4, 2), (16, 8, 1), (16, 8, 1), (32, 4, 2)),
    256: _all(16, (16, 4, 1), (16, 8, 1), (16, 8, 1), (16, 4, 2)),
}
"""The same in float32."""

SHORT = _all(16, *[(16, 1, 1)] * 4)
LONG = _all(64, *[(32, 1, 1)] * 4)
"""Of the interpreter, whose time goes with the number of entries it reads; several tiles in a block of a long row."""


def padded_width(width: int) -> int:
    """Head width as the kernels compute it: a power of two, at least what a matrix unit takes."""
    return max(16, 1 << (width - 1).bit_length())


def tiles_for(device: torch.device, dtype: torch.dtype, width: int, places: int) -> Tiles:
    """The row of the table for rows of so many places."""
    if device.type == "cpu":
        return SHORT if places <= 16 else LONG
    table = SINGLE if dtype == torch.float32 else HALF
    return table[next(known for known in table if padded_width(width) <= known)]


def splits_for(device: torch.device, keys: int, rows_and_heads: int, tile: int) -> int:
    """Programs that share the keys of one row and key head: two for each processor in all, none without a tile."""
    wanted = -(-2 * _processors(device) // max(rows_and_heads, 1))
    return max(1, min(wanted, -(-keys // tile)))


def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 4
