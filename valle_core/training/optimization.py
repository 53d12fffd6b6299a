"""Optimizer, schedule and further losses of a run: the plugins of these slots, and the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from valle_core.assemble.part import build
from valle_core.checkpoint.folder import RunFolder
from valle_core.checkpoint.manifest import Manifest
from valle_core.config.schema import Resolved
from valle_core.config.yaml_file import read_file
from valle_core.model.codec_lm import CodecLM, ModelOutput
from valle_core.plugin import UserError
from valle_core.reading.kinds import is_of
from valle_core.registry.select import Selected
from valle_core.sequence.pack import RowBatch
from valle_core.training.optimizer import adamw, cosine, parameter_groups, train_only
from valle_core.training.options import TrainOptions

Term = Callable[[RowBatch, ModelOutput], ModelOutput]
"""A further loss: the output of a batch, with more among its losses and figures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimization:
    """How a run is optimized; without plugins by AdamW and a cosine.

    Attributes:
        options: its rate, warm-up, decay.
        adamw_rate: AdamW's peak rate for a model of this width; others choose theirs by it.
        make: `(*, groups, rate) → optimizer`.
        schedule: `(step, steps, warm-up steps) → share of the peak rate`.
        terms: further losses.
    """

    options: TrainOptions
    adamw_rate: float
    make: Callable[..., torch.optim.Optimizer] | None = None
    schedule: Callable[[int, int, int], float] | None = None
    terms: tuple[Term, ...] = ()

    def optimizer(self, model: CodecLM) -> torch.optim.Optimizer:
        """A fresh one of the trained parameters, in its training mode where it has modes."""
        groups = parameter_groups(model, self.options.weight_decay)
        made = (self.make or partial(adamw, betas=self.options.betas))(groups=groups, rate=self.adamw_rate)
        getattr(made, "train", lambda: None)()
        return made

    def rate(self, step: int) -> float:
        """The learning rate of optimizer step `step` (0-based)."""
        options = self.options
        asked = (step, options.steps, options.warmup)
        return float(options.lr) * (self.schedule(*asked) if self.schedule else cosine(*asked, options.decay_from))

    def at(self, lr: float) -> Optimization:
        """The same with another peak rate. Raises `UserError` where `TrainOptions` does."""
        return replace(self, options=replace(self.options, lr=lr))

    def as_left(self, rates: Any) -> Optimization:
        """With the rate that a run was given while it trained: `rates` is the one it began with, and that one."""
        asked = is_of(rates, (float,)) and len(rates) == 2 and rates[0] == self.options.lr
        return self.at(rates[1]) if asked else self


def choose_optimization(
    resolved: Resolved,
    selected: Mapping[str, tuple[Selected, ...]],
    model: CodecLM,
    manifest: Manifest,
    run: RunFolder | None,
) -> tuple[Resolved, Optimization]:
    """The configuration with a number in place of the rate `auto`, and what it asks for.

    AdamW's is 5e-4 at a width of 1024, as VALL-E was trained (2301.02111, section 5.1), and goes with 1/√width like
    Noam's (1706.03762, equation 3). A `run` that goes on keeps the rate it began with.

    Raises:
        UserError: an option of another optimizer or schedule.
    """
    options: TrainOptions = resolved.sections["train"]
    plugins = {slot: _builders(resolved, selected, slot) for slot in ("optimizer", "schedule", "loss")}
    for slot, usual, flag in (("optimizer", "adamw", "betas"), ("schedule", "cosine", "decay_from")):
        if plugins[slot] and getattr(options, flag) != getattr(TrainOptions(), flag):
            own = f"--{slot} {resolved.part(slot).name} has options of its own"
            raise UserError(f"--{flag.replace('_', '-')} is an option of {usual}; {own}")
    train_only(model, options.train_only)
    optimization = Optimization(
        options=options,
        adamw_rate=5e-4 * (1024 / model.backbone.d_model) ** 0.5,
        make=next(iter(plugins["optimizer"]), None),
        schedule=next((one() for one in plugins["schedule"]), None),
        terms=tuple(one(manifest=manifest, rules=model.rules) for one in plugins["loss"]),
    )
    if options.lr == "auto":
        begun = _rate_of(run) if run else None
        options = replace(options, lr=optimization.optimizer(model).defaults["lr"] if begun is None else begun)
    resolved = replace(resolved, sections={**resolved.sections, "train": options})
    return resolved, replace(optimization, options=options)


def _builders(resolved: Resolved, selected: Mapping[str, tuple[Selected, ...]], slot: str) -> list[Callable[..., Any]]:
    parts = [part for part in resolved.parts[slot] if part.options is not None]
    return [partial(build, plugin, part.options) for plugin, part in zip(selected[slot], parts, strict=True)]


def _rate_of(run: RunFolder) -> float | None:
    """What the configuration of a run says, where it can be read."""
    with suppress(UserError, KeyError, TypeError, ValueError):
        return float(read_file(run.config).plain()["lr"])
    return None
