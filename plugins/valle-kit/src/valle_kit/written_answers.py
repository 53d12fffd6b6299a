"""Answers that are not speech: phonemes, letters or a number of frames, from a model with such a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from valle_core.plugin import UserError
from valle_core.sequence.pack import pack
from valle_core.synthesis.autoregressive import Prompted, decode
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_core.synthesis.synthesizer import Synthesizer

LONGEST = {"symbols": 30, "letters": 40, "length": 8}
"""Most tokens of an answer: phonemes or letters for each second of `Request.max_seconds`, digits in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One answer.

    Attributes:
        output: "symbols", "letters" or "length".
        tokens: phonemes, one string each; letters as one string; the number of frames as one string.
        seconds: that the frames last, for "length"; else 0.
        stopped: False where it ran into its bound.
    """

    output: str
    tokens: tuple[str, ...]
    seconds: float
    stopped: bool

    @property
    def text(self) -> str:
        """On one line."""
        return "".join(self.tokens)


@torch.inference_mode()
def write(synthesizer: Synthesizer, requests: Sequence[Request]) -> list[Written]:
    """The answer to each request, in order; it is the same alone and in any batch.

    Raises:
        UserError: a request that does not fit the task, or a task that gives speech.
    """
    components = synthesizer.components
    model, output = components.ar, components.task.output
    if output == "codes":
        raise UserError(f"task '{components.task_name}' gives speech; use `Speaker.speak` or `Speaker.transform`")
    if not requests:
        return []
    inputs = [synthesizer.prepare(request).inputs for request in requests]
    rows = [components.task.compose(found, 0, training=False) for found in inputs]
    batch = pack(rows, model.rules)
    bounds = [_bound(output, request) for request in requests]
    if (longest := model.backbone.max_length) is not None:
        room = [longest - length for length in batch.mask.lengths.tolist()]
        if min(room) < 1:
            raise UserError(f"the input fills all {longest} positions of the model; shorten it")
        bounds = [min(bound, space) for bound, space in zip(bounds, room, strict=True)]
    batch = batch.to(synthesizer.device)
    head, stop = model.head(output), model.vocabulary.stop_of(output)
    seeds = torch.cat([row_seeds(request.seed, [0], device=synthesizer.device) for request in requests])
    found = decode(
        model.backbone,
        Prompted(x=model.embed(batch), mask=batch.mask, positions=batch.positions, condition=model.condition(batch)),
        model.embed_token(rows),
        lambda h, _: head(h),
        components.chain,
        View(seeds=seeds, capacity=max(bounds), stop=stop),
        bounds=bounds,
        stop=stop,
    )
    return [
        _read(synthesizer, output, tokens.tolist(), stopped)
        for tokens, stopped in zip(found.tokens, found.stopped, strict=True)
    ]


def _bound(output: str, request: Request) -> int:
    if not 0 < request.max_seconds <= 3600:
        raise UserError(f"max_duration must be in (0, 3600] s, got {request.max_seconds:g}")
    most = LONGEST[output]
    return most if output == "length" else max(1, round(most * request.max_seconds))


def _read(synthesizer: Synthesizer, output: str, tokens: list[int], stopped: bool) -> Written:
    components = synthesizer.components
    seconds = 0.0
    if output == "symbols":
        words = tuple(components.symbols.symbols[token] for token in tokens)
    elif output == "letters":
        words = (bytes(tokens).decode("utf-8", errors="replace"),)
    else:
        frames = int("".join(map(str, tokens)))
        words, seconds = (str(frames),), frames / components.codec.frame_rate
    return Written(output=output, tokens=words, seconds=seconds, stopped=stopped)
