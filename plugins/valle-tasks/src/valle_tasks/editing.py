"""Speech editing, clean or in noise: a part of a recording is said anew (SpeechX, arXiv 2308.06873, §3.3)."""

from __future__ import annotations

from random import Random

import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.sequence.layout import token
from valle_core.types import Segment, TaskInputs, TaskSequence, Utterance
from valle_tasks.answering import ask_for_codes, source_of
from valle_tasks.options import NoisyEditOptions, SpeechEditOptions


class SpeechEdit:
    """What stands before and behind a part + the text of all of it → the part; `finish` joins the three."""

    output = "codes"
    continues = False
    name = "cse"

    def __init__(self, options: SpeechEditOptions) -> None:
        self._options = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance without a part of it; None where the part or what is left would be too short."""
        span = self._span(len(utterance.codes), rng, frame_rate)
        return None if span is None else self._inputs(utterance, utterance.codes, *span)

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        return f"shorter than {self._least:g} s (--task.min-seconds and --task.min-rest-seconds together)"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        before, after = _around(inputs)
        marked = (Segment(role="source", tokens=before), token(), Segment(role="source", tokens=after))
        return ask_for_codes(inputs, level, training=training, task=self.name, marked=marked)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "whole Q"]:
        before, after = (part[:, : output.shape[1]].to(output) for part in _around(inputs))
        return torch.cat([before, output, after])

    @property
    def _least(self) -> float:
        return self._options.min_seconds + self._options.min_rest_seconds

    def _span(self, frames: int, rng: Random, frame_rate: float) -> tuple[int, int] | None:
        """Where the part that is taken out begins and ends."""
        options = self._options
        least, rest = (max(1, round(s * frame_rate)) for s in (options.min_seconds, options.min_rest_seconds))
        if frames < least + rest:
            return None
        most = min(frames - rest, max(least, round(options.max_seconds * frame_rate)))
        size = rng.randint(least, most)
        start = rng.randint(0, frames - size)
        return start, start + size

    def _inputs(self, utterance: Utterance, codes: Integer[Tensor, "F Q"], start: int, end: int) -> TaskInputs:
        """The answer is in no input: the part is cut out of the source, and the span is the seam."""
        return TaskInputs(
            text=utterance.symbols,
            language=utterance.language,
            prompt=codes[:0],
            source=torch.cat([codes[:start], codes[end:]]),
            span=(start, start),
            response=codes[start:end],
        )


class NoisyEdit(SpeechEdit):
    """The same of a recording with noise, which stays in the part that is said anew."""

    name = "nse"

    def __init__(self, options: NoisyEditOptions) -> None:
        super().__init__(options)
        self._noise = options

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """As `SpeechEdit.draw`, of the utterance mixed with noise."""
        codes, span = utterance.codes, self._span(len(utterance.codes), rng, frame_rate)
        if span is None:
            return None
        db = rng.uniform(self._noise.min_db, self._noise.max_db)
        noise = pool.noise(len(codes), rng, label=self._noise.label or None)
        return self._inputs(utterance, pool.mix(codes, noise, db), *span)


def _around(inputs: TaskInputs) -> tuple[Integer[Tensor, "A Q"], Integer[Tensor, "Z Q"]]:
    """What stands before the part and behind it."""
    source = source_of(inputs)
    start, end = inputs.span or (len(source), len(source))
    return source[:start], source[end:]
