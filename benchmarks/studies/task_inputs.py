"""Tasks with their input left out in a share of the rows, and what a model says with, without and with another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.api import (
    SYNTHESIS_SCHEMA,
    Observers,
    Registry,
    Request,
    open_dataset,
    open_synthesizer,
    resolve,
)
from valle_core.config.schema import Part, Resolved
from valle_core.interfaces import Pool, Task
from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.sequence.pack import PackRules, pack
from valle_core.training.recipe import RowRecipe
from valle_core.training.rows import RowSettings
from valle_core.types import Explains, TaskInputs, TaskSequence, Utterance
from valle_kit.written_answers import write
from valle_language.phonemic import symbols_of

ROWS = 16
"""Written answers of a batch."""


class Sometimes:
    """A task that leaves out all of its input in a share of the rows, so that the model learns to do without.

    Such rows hold what answers are like, whatever was asked; nothing is mixed for them.
    """

    def __init__(self, task: Task, without: float) -> None:
        self._task, self._without, self.output, self.continues = task, without, task.output, task.continues

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        if rng.random() >= self._without:
            return self._task.draw(utterance, pool, rng, frame_rate=frame_rate)
        drawn = self._task.draw(utterance, Unmixed(pool), rng, frame_rate=frame_rate)  # type: ignore[arg-type]
        return drawn and without_input(drawn)

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        task = self._task
        return task.why_not(utterance, pool, frame_rate=frame_rate) if isinstance(task, Explains) else "cannot use it"

    def compose(self, inputs: TaskInputs, level: int, *, training: bool) -> TaskSequence:
        return self._task.compose(inputs, level, training=training)

    def finish(self, inputs: TaskInputs, output: Integer[Tensor, "F Q"]) -> Integer[Tensor, "F Q"]:
        return output


class Unmixed:
    """A pool that gives the first of two sounds in place of both; nobody looks at it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def mix(self, a: Integer[Tensor, "F Q"], b: Integer[Tensor, "G Q"], db: float) -> Integer[Tensor, "F Q"]:
        return a


def without_input(inputs: TaskInputs) -> TaskInputs:
    """Nothing but the response and the language."""
    return replace(
        inputs,
        text=inputs.text[:0],
        prompt=inputs.prompt[:0],
        source=None if inputs.source is None else inputs.source[:0],
        letters=None if inputs.letters is None else inputs.letters[:0],
        span=None if inputs.span is None else (0, 0),
        times=None,
    )


class HeldOut:
    """The held-out utterances, what each task draws of them, and what it is asked of a model.

    Enrolments, prompts and second speakers are of the whole dataset, since few speakers have two utterances here.

    Args:
        resolved: of the run.
        rules: of its model.
        noise: noise set that no run was trained with.
        registry: where plugins are found.
        seconds: shortest and longest utterance; None: those of training.
    """

    def __init__(
        self,
        resolved: Resolved,
        rules: PackRules,
        noise: Path,
        registry: Registry,
        seconds: Sequence[float] | None = None,
    ) -> None:
        data = replace(resolved.sections["data"], noise=str(noise))
        everything = open_dataset(Path(data.path), part="all")
        held, train = (open_dataset(Path(data.path), part=part) for part in ("held-out", "train"))
        known = {row.text.lower() for row in train.rows()}
        batching = resolved.sections["batching"]
        shortest, longest = seconds or (batching.min_seconds, batching.max_seconds or batching.seconds)
        self.ids = [
            row.id for row in held.rows() if row.text.lower() not in known and shortest <= row.seconds <= longest
        ]
        settings = RowSettings(level_weights=(1.0,), packing=rules, frame_rate=everything.frame_rate, seed=0)
        parts = tuple(_of_whole_utterances(part) for part in resolved.parts["task"])
        maker = RowRecipe(data=data, tasks=parts, codec=None, settings=settings).open(registry, everything)
        self.pool, tasks = maker.source, maker.tasks
        self.tasks = {part.name: task for part, task in zip(parts, tasks, strict=True)}
        self.train, self.rate, self._registry = train, everything.frame_rate, registry

    def inputs(self, name: str) -> list[tuple[Utterance, TaskInputs]]:
        """What the task draws of each utterance, the same for every model; `ns` without the text."""
        task, found = self.tasks[name], []
        for id in self.ids:
            utterance = self.pool.utterance(id)
            drawn = task.draw(utterance, self.pool, Random(f"held out {id}"), frame_rate=self.rate)
            if drawn is not None:
                found.append((utterance, replace(drawn, text=drawn.text[:0]) if name == "ns" else drawn))
        return found

    @torch.inference_mode()
    def losses(self, name: str, model: CodecLM) -> dict[str, list[float]]:
        """Nats for each token of an answer: with its own input, with the next utterance's, and without."""
        task, inputs = self.tasks[name], [found for _, found in self.inputs(name)]

        def loss(asked: TaskInputs) -> float:
            batch = pack([task.compose(asked, 0, training=True)], model.rules)
            return float(token_loss(model(batch).logits, batch.predicted)[0])

        swapped = [
            replace(other, response=one.response) for one, other in zip(inputs, [*inputs[1:], inputs[0]], strict=True)
        ]
        return {
            "own": [loss(one) for one in inputs],
            "other": [loss(one) for one in swapped],
            "without": [loss(without_input(one)) for one in inputs],
        }

    def answers(self, name: str, run: Path) -> dict[str, list[float]]:
        """Errors of the model's written answers, and of the best answer that is the same for all.

        Seconds for `len`; else edits for each phoneme or letter of the right answer.
        """
        flags = [("model", str(run)), ("task", name), ("device", "cpu"), ("sampler", "greedy")]
        resolved = resolve(SYNTHESIS_SCHEMA, self._registry, flags=flags)
        synthesizer = open_synthesizer(resolved, self._registry, Observers(), read_text=symbols_of)
        drawn, symbols = self.inputs(name), self.train.symbols.symbols
        requests = [_request(name, utterance, found, symbols) for utterance, found in drawn]
        said = []
        for start in range(0, len(requests), ROWS):
            said += write(synthesizer, requests[start : start + ROWS])
        if name == "len":
            right = [len(utterance.codes) / self.rate for utterance, _ in drawn]
            usual = float(np.median(self.train.durations))
            return {
                "answer": [abs(one.seconds - seconds) for one, seconds in zip(said, right, strict=True)],
                "constant": [abs(usual - seconds) for seconds in right],
            }
        wanted = [_wanted(name, utterance, symbols) for utterance, _ in drawn]
        common = best_constant([_wanted(name, self.train.utterance(id), symbols) for id in self._some(120)])
        return {
            "answer": [errors(one.text, right) for one, right in zip(said, wanted, strict=True)],
            "constant": [errors(common, right) for right in wanted],
        }

    def _some(self, count: int) -> list[str]:
        return Random(0).sample(list(self.train.ids), count)


def _of_whole_utterances(part: Part) -> Part:
    """The task as it is asked afterwards: `pieces` are for training alone."""
    return replace(part, options=replace(part.options, pieces=0.0)) if hasattr(part.options, "pieces") else part


def _request(name: str, utterance: Utterance, drawn: TaskInputs, symbols: Sequence[str]) -> Request:
    if name == "stt":
        return Request(text="", source=drawn.source)
    if name == "phn":
        return Request(text=utterance.written)
    prompt = drawn.prompt if name == "len" else None
    return Request(text=_phonemes(utterance, symbols), phonemes=True, prompt=prompt)


def _wanted(name: str, utterance: Utterance, symbols: Sequence[str]) -> str:
    return utterance.written if name == "un-phn" else _phonemes(utterance, symbols)


def _phonemes(utterance: Utterance, symbols: Sequence[str]) -> str:
    places: list[int] = utterance.symbols.tolist()
    return "".join(symbols[place] for place in places)


def best_constant(answers: Sequence[str]) -> str:
    """The answer, or none at all, that is on average the least wrong of the others; the first 40 are tried."""
    return min(["", *answers[:40]], key=lambda one: sum(errors(one, right) for right in answers))


def errors(said: str, right: str) -> float:
    """Insertions, deletions and substitutions for each character of the right answer."""
    row = list(range(len(right) + 1))
    for place, mine in enumerate(said, 1):
        before, row[0] = row[0], place
        for at, yours in enumerate(right, 1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (mine != yours))
    return row[-1] / max(len(right), 1)
