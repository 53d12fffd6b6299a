"""Running figures of a training run: averages between two log lines, written as JSON lines."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import is_of
from valle_core.training.rows import Example


@dataclass(kw_only=True, slots=True)
class Meter:
    """Sums since the last line; nothing that takes something reads the device. `bad` are the steps that were not
    taken, and how many of them in a row up to now."""

    started: float = field(default_factory=time.perf_counter)
    sums: dict[str, list[Tensor]] = field(default_factory=dict)
    seconds: float = 0.0
    tokens: int = 0
    waited: float = 0.0
    skipped: Counter[str] = field(default_factory=Counter)
    bad: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.long))
    halved: int = 0
    halved_in_all: int = 0

    def add(self, name: str, value: Tensor, weight: float = 1.0) -> None:
        """Take a mean over so many positions, or a sum [2] with what it is of."""
        value = value.detach().float()
        pair = value if value.ndim else torch.stack([value * weight, torch.full_like(value, weight)])
        self.sums.setdefault(name, []).append(pair)

    def step(self, good: Tensor) -> None:
        """Take whether a step was taken."""
        bad = (~good).long()
        self.bad = torch.stack([self.bad[0] + bad, (self.bad[1] + 1) * bad])

    @property
    def bad_in_a_row(self) -> int:
        """Steps not taken since the last one that was; read from the device."""
        return int(self.bad[1])

    def count(self, example: Example) -> None:
        """Take what a batch holds, and how long it was waited for."""
        self.seconds += example.seconds
        self.tokens += example.tokens
        self.waited += example.waited
        self.add("padding", torch.tensor(example.padding), example.batch.positions.numel())
        self.skipped.update(example.skipped)

    def line(self, step: int, lr: float, exchange: Callable[[Any], list[Any]] = lambda said: [said]) -> dict[str, Any]:
        """The line for the steps of all processes since the last one; empties the meter.

        Averages are over finite values, and left out where there was none: NaN is no JSON, and one bad step would
        hide the others.
        """
        elapsed = time.perf_counter() - self.started
        stacked = {name: torch.stack(found) for name, found in self.sums.items()}
        finite = {name: found[found.isfinite().all(1)].sum(0).tolist() for name, found in stacked.items()}
        every = exchange([finite, self.skipped, self.tokens, self.seconds, self.waited, self.halved])
        names = {name for found, *_ in every for name in found}
        line: dict[str, Any] = {"step": step, "lr": lr}
        for name in sorted(dict.fromkeys([*finite, *sorted(names)]), key=_place):
            value, weight = (sum(each) for each in zip(*(said[0].get(name, (0, 0)) for said in every), strict=True))
            line |= {name: value / weight} if weight else {}
        skipped = sum((Counter(said[1]) for said in every), Counter[str]())
        tokens = sum(said[2] for said in every)
        line |= {
            "bad_steps": int(self.bad[0]),
            "skipped_utterances": skipped.total(),
            **{f"skipped: {reason}": count for reason, count in sorted(skipped.items())},
            "tokens": tokens,
            "tokens_per_second": tokens / elapsed,
            "audio_seconds_per_second": sum(said[3] for said in every) / elapsed,
            "data_seconds_per_second": sum(said[4] for said in every) / (len(every) * elapsed),
        }
        halved = sum(said[5] for said in every)
        line |= {"halved_batches": halved} if halved else {}
        self.started, self.halved = time.perf_counter(), 0
        self.sums, self.seconds, self.tokens, self.waited, self.skipped = {}, 0.0, 0, 0.0, Counter()
        return line


def _place(name: str) -> tuple[int, int, bool]:
    """The loss first, then each level's figures in the order of the levels, then the rest as it came."""
    word, _, level = name.rpartition("_")
    return (
        (1, int(level), word != "loss")
        if word in ("loss", "accuracy") and level.isdigit()
        else (2 * (name != "loss"), 0, False)
    )


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Append one JSON line. Raises `UserError` when the disk refuses."""
    try:
        with path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(line) + "\n")
    except OSError as error:
        raise UserError(f"cannot write '{path}': {error.strerror}; fix that and continue with --resume") from error


def cut_after(path: Path, step: int) -> None:
    """Drop lines past `step` (and a torn last line), so that a resumed run writes each line once."""
    if not path.exists():
        return
    try:
        kept = [text for text, line in lines_in(path) if line["step"] <= step]
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read ({error.args[-1]}); remove it and continue with --resume") from error
    write_text(path, "".join(text + "\n" for text in kept))


def lines_in(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each line of a run's metrics as it is written and as it reads; a torn one (of a run that writes) is left out.

    Raises:
        OSError, ValueError: the file cannot be read.
    """
    for text in read_bytes(path).decode("utf-8", errors="replace").splitlines():
        try:
            line = loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and is_of(line.get("step"), int):
            yield text, line
