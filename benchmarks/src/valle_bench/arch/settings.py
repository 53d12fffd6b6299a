"""What `bench arch` measures, and in which pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from valle_bench.runner.measurement import OWN as OWN

What = Literal["weights memory", "forward", "train", "decode", "forward memory", "train memory"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Sizes and limits of a run; batch 1, float32.

    Attributes:
        d_model, n_layers: of every backbone, before parameter counts are made equal.
        lengths: positions T of the forward passes, ascending.
        train_length: positions of a training step (forward and backward).
        positions: how much has been read when decoding steps are timed, ascending.
        memory_length: positions of the forward pass whose peak memory is taken; 0 takes no memory at all.
        repeats: timed runs of each piece at least; the median counts.
        steps: decoding steps timed at each position.
        cell_seconds: longest run that is still made; a longer one is expected from the shorter ones, and left out.
        attention: kernel of backbones that need one.
        device: torch device.
        safe: only first-party plugins are used.
        seed: of weights and inputs.
    """

    d_model: int = 512
    n_layers: int = 4
    lengths: tuple[int, ...] = (256, 512, 1024, 2048, 4096, 8192)
    train_length: int = 512
    positions: tuple[int, ...] = (1024, 4096, 16384)
    memory_length: int = 4096
    repeats: int = 5
    steps: int = 48
    cell_seconds: float = 30.0
    attention: str = "sdpa"
    device: str = "cpu"
    safe: bool = False
    seed: int = 0

    @property
    def longest(self) -> int:
        """Positions a backbone must take."""
        return max(
            *self.lengths, self.train_length, self.memory_length, max(self.positions, default=0) + self.steps + 8
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One backbone at one size.

    Attributes:
        arch: its name.
        options: those that are set, by field.
        parameters: their number.
        rounds: it rounds states inside (capability `rounds`), so that a last place may become a whole step.
    """

    arch: str
    options: dict[str, Any]
    parameters: int = 0
    rounds: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One piece of measuring: every implementation of one candidate does the same thing."""

    what: What
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What one implementation did in one cell.

    Attributes:
        seconds: median of a run (of one step, for "decode"); None where it was not made.
        runs: how many runs the median is of.
        nbytes: state held ("decode"), weights ("weights memory") or peak memory above what the loaded model takes
            (the other "… memory").
        difference: largest difference to ours, over the larger of 1 and the largest value; None for ours.
        typical: the median difference, over the same.
        note: why something is missing, or what is special.
    """

    seconds: float | None = None
    runs: int = 0
    nbytes: int | None = None
    difference: float | None = None
    typical: float | None = None
    note: str = ""


def timed_cells(settings: Settings) -> list[Cell]:
    """The cells that are timed, in the order of measuring."""
    return [
        Cell(what="weights memory", length=1),
        *(Cell(what="forward", length=length) for length in settings.lengths),
        Cell(what="train", length=settings.train_length),
        *(Cell(what="decode", length=position) for position in settings.positions),
    ]


def memory_cells(settings: Settings) -> list[Cell]:
    """The cells whose peak memory is taken, each in a process of its own."""
    if not settings.memory_length:
        return []
    return [
        Cell(what="forward memory", length=settings.memory_length),
        Cell(what="train memory", length=settings.train_length),
    ]
