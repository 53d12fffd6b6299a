"""What `bench codec` measures, and in which pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from valle_bench.runner.measurement import OWN as OWN

What = Literal["encode", "decode", "stream", "quality", "encode memory", "decode memory", "long encode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Sizes and limits of a run; float32, nothing compiled.

    Attributes:
        seconds: lengths of the timed clips, ascending.
        batch: rows of the batches that are timed beside single rows; 1 times none.
        stream_seconds: what is streamed at most; 0 streams nothing.
        push_seconds: pieces of the streams, rounded up to whole frames; 0 is a frame.
        memory_seconds: clip whose peak memory is taken; 0 takes no memory at all.
        long_seconds: length of the long file.
        repeats: timed runs of each piece at least; the median counts.
        cell_seconds: longest run that is still made; a long file may take three times that.
        speech: folder with the recordings of the quality figures; "" measures none.
        clips: how many of them; 0 for all.
        device: torch device.
        safe: only first-party plugins are used.
        seed: of the signals.
    """

    seconds: tuple[float, ...] = (2.0,)
    batch: int = 4
    stream_seconds: float = 4.0
    push_seconds: tuple[float, ...] = (0.0, 0.2)
    memory_seconds: float = 30.0
    long_seconds: float = 600.0
    repeats: int = 3
    cell_seconds: float = 20.0
    speech: str = ""
    clips: int = 12
    device: str = "cpu"
    safe: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One codec.

    Attributes:
        codec: its name.
        options: those that are set, by field.
    """

    codec: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One piece of measuring: every implementation of one codec does the same.

    Attributes:
        seconds: of each row; of a piece, for "stream".
        batch: rows.
    """

    what: What
    seconds: float = 0.0
    batch: int = 1

    def __str__(self) -> str:
        rows = f"{self.batch} × " if self.batch > 1 else ""
        return f"{self.what}, {rows}{self.seconds:g} s" if self.seconds else self.what


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What one implementation did in one cell.

    Attributes:
        seconds: median of a run; of a push, for "stream". None where it was not made.
        runs: how many runs the median is of.
        audio: seconds of sound that one run treats, all rows together.
        nbytes: peak memory above what the loaded codec and the clip take.
        equal: share of codes that are ours; None for our implementation.
        difference, typical: largest and median difference of the sound, over its largest value: of a
            reference to ours, of streamed to whole.
        first_frames: frames pushed before the first sound came out.
        first_seconds: what computing these took.
        pesq, stoi: means over the clips.
        note: why something is missing, or what is special.
    """

    seconds: float | None = None
    runs: int = 0
    audio: float | None = None
    nbytes: int | None = None
    equal: float | None = None
    difference: float | None = None
    typical: float | None = None
    first_frames: int | None = None
    first_seconds: float | None = None
    pesq: float | None = None
    stoi: float | None = None
    note: str = ""


def shared_cells(settings: Settings) -> list[Cell]:
    """The cells whose implementations are measured in one process, in turns."""
    shapes = [(seconds, 1) for seconds in settings.seconds]
    if settings.batch > 1:
        shapes.append((settings.seconds[-1], settings.batch))
    cells = [
        Cell(what=what, seconds=seconds, batch=batch) for seconds, batch in shapes for what in ("encode", "decode")
    ]
    if settings.stream_seconds:
        cells += [Cell(what="stream", seconds=seconds) for seconds in settings.push_seconds]
    return [*cells, Cell(what="quality")] if settings.speech else cells


def memory_cells(settings: Settings) -> list[Cell]:
    """The cells whose peak memory is taken; each implementation has a process of its own for them."""
    if not settings.memory_seconds:
        return []
    cells = [Cell(what=what, seconds=settings.memory_seconds) for what in ("encode memory", "decode memory")]
    return [*cells, Cell(what="long encode", seconds=settings.long_seconds)] if settings.long_seconds else cells
