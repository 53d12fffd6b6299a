"""What `bench attention` measures, and in which pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EAGER = "eager"
"""The kernel that the others are compared with."""

OVER = "skipped: the time of the run is over"
"""Note of a cell that did not begin."""

Form = Literal["causal", "full", "prefix", "mixed", "window", "packed"]
Direction = Literal["forward", "backward", "decode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Limits of a run.

    Attributes:
        repeats: timed runs of each kernel at least; the median counts.
        cell_seconds: longest run that is still made; a longer one is expected from the shorter ones, and left out.
        max_seconds: cells that would begin after so many are left out; 0 is no limit.
        device: torch device.
        safe: only first-party plugins are used.
        seed: of the inputs.
    """

    repeats: int = 5
    cell_seconds: float = 10.0
    max_seconds: float = 0.0
    device: str = "cpu"
    safe: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What one worker loads.

    Attributes:
        kernels: names of the plugins, in the order of measuring.
        dtypes: whose measured peak is wanted.
    """

    kernels: tuple[str, ...]
    dtypes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One piece of measuring: every kernel does the same on the same inputs.

    Row b has `lengths[b]` keys, of which every query sees the first `prefix[b]`; its queries are the last ones. In form
    "packed" the rows are segments of one row.

    Attributes:
        form: of the mask, for the tables.
        direction: "decode" is the forward pass of a few queries over cached keys.
        size: T of the tables: the longest row.
        queries: of each row; `size` but for "decode".
        lengths, prefix: by row.
        heads, kv_heads, head_width: H, Hk, Dh.
        dtype: of torch, e.g. "bfloat16".
        window: width of a sliding window, or None.
    """

    form: Form
    direction: Direction
    size: int
    queries: int
    lengths: tuple[int, ...]
    prefix: tuple[int, ...]
    heads: int
    kv_heads: int
    head_width: int
    dtype: str
    window: int | None = None

    @property
    def batch(self) -> int:
        """B of the tables: rows or segments."""
        return len(self.lengths)

    @property
    def padding(self) -> float:
        """Share of the padded batch that holds nothing."""
        return 1.0 - sum(self.lengths) / (self.size * self.batch) if self.form != "packed" else 0.0

    def __str__(self) -> str:
        return f"{self.direction}, {self.form}, {self.batch} × {self.size}, {self.dtype}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What one kernel did in one cell.

    Attributes:
        seconds: median of a run; None where it was not made.
        runs: how many runs the median is of.
        clock: what timed it: "wall", "processor", "events" or "graph".
        nbytes: peak memory of a run beyond the inputs.
        error: largest distance to float64, over the largest value; of the gradients too, for "backward".
        note: why something is missing.
    """

    seconds: float | None = None
    runs: int = 0
    clock: str = ""
    nbytes: int | None = None
    error: float | None = None
    note: str = ""
