"""What `bench sampler` measures, and in which pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CHAIN = "full chain"
"""The samplers of `CHAIN_OF` in their order, as a decoder applies them."""

CHAIN_OF = ("repetition_penalty", "temperature", "top_k", "top_p", "sample")
STEP = "decoding step"
"""One step of a backbone of 35 M parameters: what a chain is paid beside."""

UNSEEDED = "unseeded"
"""The draw of `sample` with numbers of torch's generator instead of the rows' own."""

USUAL: Mapping[str, Mapping[str, object]] = {"banned_tokens": {"tokens": (1, 2, 3)}, "temperature": {"t": 0.8}}
"""Options of samplers that would do nothing with their defaults."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Sizes and limits of a run.

    Attributes:
        tokens: V, codes and the stop token.
        history: tokens that every row has chosen before.
        repeats: timed runs of each implementation at least; the median counts.
        cell_seconds: longest run that is still made.
        device: torch device.
        safe: only first-party plugins are used.
        seed: of the inputs.
        layers: of the backbone that a step is measured of, 512 wide; 0 measures none.
    """

    tokens: int = 1025
    history: int = 400
    repeats: int = 30
    cell_seconds: float = 20.0
    device: str = "cpu"
    safe: bool = False
    seed: int = 0
    layers: int = 11


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """What one worker loads.

    Attributes:
        samplers: names of the plugins, in the order of measuring.
        options: of each that has some.
    """

    samplers: tuple[str, ...]
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One piece of measuring.

    Attributes:
        sampler: name of a plugin, `CHAIN` or `STEP`.
        batch: B.
    """

    sampler: str
    batch: int

    def __str__(self) -> str:
        return f"{self.sampler}, {self.batch} rows"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What one implementation did in one cell.

    Attributes:
        seconds: median of a step; None where it was not made.
        runs: how many runs the median is of.
        match: ours: a row alone gives what it gives in the batch; a reference: it gives what ours gives, bit for bit.
        note: why something is missing.
    """

    seconds: float | None = None
    runs: int = 0
    match: bool | None = None
    note: str = ""
