"""What the text is worth to the model: the loss of a few rows with each other's texts minus the loss with their own.

A model that ignores its text learns a loss that looks healthy all the same; its gain stays near 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.api import LiveRun, hookimpl, warn
from valle_core.reading.json_text import loads, read_bytes
from valle_core.reading.kinds import is_of
from valle_core.sequence.pack import RowBatch
from valle_training.text_probe import TextProbe, text_probe

NEAR_ZERO = 0.02
"""Nats. A model that reads its text loses tenths when the text is another's."""

FLAT = 0.03
"""Part by which the loss must fall from two measures ago to count as falling."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One look at it.

    Attributes:
        step: when.
        loss: of the probe's rows with their own texts, nats, in eval mode.
        gain: how much greater it is with others'.
    """

    step: int
    loss: float
    gain: float


class TextGain:
    """Measures every so many steps and remembers, so that it can be said in words.

    Args:
        probe: None where the tasks have no text to swap; nothing is measured then.
        every: steps between two measures; 0 measures nothing.
        layout: of the model, for the advice.
        before: measures of the part of the run that a resumed one goes on from.
    """

    def __init__(
        self, probe: TextProbe | None, every: int, *, layout: str = "", before: Sequence[Measure] = ()
    ) -> None:
        self._probe, self._every, self._layout = probe, every, layout
        self._reported = False
        self.measures = list(before)

    def due(self, step: int, *, last: bool, asked: bool = False) -> bool:
        """Whether to measure now: at every multiple, at the last step of a run that was long enough, when asked."""
        wanted = self._probe is not None and self._every > 0
        return wanted and (asked or (self._every <= step and (last or step % self._every == 0)))

    def measure(self, loss: Callable[[RowBatch], float], step: int) -> dict[str, float]:
        """`text_gain` and `text_loss` for the metrics, or nothing where they are not finite."""
        assert self._probe is not None
        losses = [loss(batch) for batch in (self._probe.right, self._probe.swapped)]
        if not all(map(math.isfinite, losses)):
            return {}
        self.measures.append(Measure(step=step, loss=losses[0], gain=losses[1] - losses[0]))
        return {"text_gain": self.measures[-1].gain, "text_loss": losses[0]}

    def news(self) -> str:
        """The verdict while training goes on, once."""
        reported, verdict = self._reported, self.verdict()
        self._reported = reported or bool(verdict)
        return "" if reported else verdict

    def verdict(self, *, at_the_end: bool = False) -> str:
        """A sentence where the text makes no difference though the loss is flat, or the run is over; else ""."""
        last = self.measures[-3:]
        if not last or any(measure.gain >= NEAR_ZERO for measure in last):
            return ""
        flat = len(last) == 3 and last[-1].loss > (1 - FLAT) * last[0].loss
        if not (flat or at_the_end):
            return ""
        now = last[-1]
        course = "has stopped falling" if flat else "is still falling"
        way = (
            "Train with --model.layout text-last"
            if self._layout == "text-first"
            else "Train longer, with more data or a larger model, and look whether the transcripts fit the recordings"
        )
        return (
            f"the model does not read its text: at step {now.step} the loss with others' texts is only {now.gain:.3f} "
            f"greater than with the right ones (text_gain), and the loss {course}. {way}"
        )


def measures_in(metrics: Path) -> list[Measure]:
    """What a run has measured so far, from its metrics; a torn line is passed over."""
    found = []
    for text in read_bytes(metrics).decode("utf-8", errors="replace").splitlines() if metrics.exists() else ():
        with suppress(ValueError):
            line = loads(text)
            if isinstance(line, dict) and all(is_of(line.get(name), float) for name in ("text_gain", "text_loss")):
                found.append(Measure(step=line["step"], loss=line["text_loss"], gain=line["text_gain"]))
    return found


class TextGainHook:
    """Measures while a run goes on, warns once, and says at the end what is to be known of the model."""

    def __init__(self) -> None:
        self._gain, self._live = TextGain(None, 0), None

    @hookimpl
    def train_start(self, facts: Mapping[str, Any]) -> None:
        live: LiveRun | None = facts.get("live")
        self._gain, self._live = TextGain(None, 0), live
        if live is None or not live.options.text_gain_every:
            return
        self._gain = TextGain(
            text_probe(live),
            live.options.text_gain_every,
            layout=live.settings.packing.layout,
            before=measures_in(Path(facts["run"]) / "metrics.jsonl") if facts["step"] else [],
        )

    @hookimpl
    def train_figures(self, step: int, last: bool, asked: bool) -> Mapping[str, float] | None:
        if self._live is None or not self._gain.due(step, last=last, asked=asked):
            return None
        figures = self._gain.measure(self._live.loss, step)
        if not last and (warning := self._gain.news()):
            warn(warning)
        return figures

    @hookimpl
    def train_end(self) -> str | None:
        return self._gain.verdict(at_the_end=True) or None


HOOK = TextGainHook()
