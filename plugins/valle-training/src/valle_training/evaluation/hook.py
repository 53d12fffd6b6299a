"""The hook `evaluation`: every so many steps, losses of held-out utterances, and what the model makes of a few."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch.distributed as dist

from valle_core.api import LiveRun, UserError, hookimpl, warn
from valle_training.evaluation.folder import Evaluation, folder_of
from valle_training.evaluation.held_out import HeldOut, held_out
from valle_training.evaluation.speaking import Sentence, sentences
from valle_training.evaluation.undisturbed import undisturbed


class EvaluationHook:
    """Evaluates at every multiple of `--eval-every`, at the end, and when asked; the run's losses stay the same."""

    def __init__(self) -> None:
        self._live: LiveRun | None = None
        self._run = Path()
        self._held: HeldOut | None = None
        self._said: list[Sentence] = []
        self._told: set[str] = set()

    @hookimpl
    def train_start(self, facts: Mapping[str, Any]) -> None:
        """Find the held-out utterances, so that a dataset without any is told before the first step."""
        self.__init__()
        self._live, self._run = facts.get("live"), Path(facts["run"])
        if self._live is not None and self._live.options.eval_every:
            self._prepare(self._live)

    @hookimpl
    def train_figures(self, step: int, last: bool, asked: bool) -> Mapping[str, float] | None:
        """Evaluate if it is due or asked for; the losses go to this step's line of the metrics."""
        live = self._live
        if live is None or not (asked or self._due(live.options.eval_every, step, last=last)):
            return None
        with undisturbed():
            if self._held is None:
                self._prepare(live)
            return None if self._held is None else self._evaluate(live, self._held, step)

    def _due(self, every: int, step: int, *, last: bool) -> bool:
        return self._held is not None and 0 < every <= step and (last or step % every == 0)

    def _prepare(self, live: LiveRun) -> None:
        try:
            self._held = held_out(live)
            self._said = sentences(self._held, live.options.eval_sentences)
        except UserError as error:
            self._tell([f"{error}; the run goes on without evaluation"])

    def _evaluate(self, live: LiveRun, held: HeldOut, step: int) -> dict[str, float]:
        losses = held.losses(live.loss)
        copied = folder_of(self._run, step).with_name(f".model-{step}")
        first = not (dist.is_initialized() and dist.get_rank())
        try:
            model = live.copy(copied, step)
            if first:
                evaluation = Evaluation(run=self._run, step=step, held=held, said=self._said, losses=losses)
                self._tell(evaluation.write(live, model))
        except (OSError, UserError) as error:
            why = getattr(error, "strerror", None) or error
            self._tell([f"the evaluation of step {step} could not be written: {why}"])
        finally:
            if first:  # the others get here while it still reads the copy
                shutil.rmtree(copied, ignore_errors=True)
        return losses

    def _tell(self, lines: list[str]) -> None:
        """Say each once a run."""
        for line in lines:
            if line not in self._told:
                self._told.add(line)
                warn(line)


HOOK = EvaluationHook()
