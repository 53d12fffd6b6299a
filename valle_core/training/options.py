"""Options of the training loop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions:
    """How long and how fast to learn.

    Attributes:
        steps: number of optimizer steps of the whole run.
        minutes: training time limit in minutes; 0: no limit.
        lr: peak learning rate; auto follows optimizer and width (AdamW: 5e-4 · √(1024 / width)); 0 trains nothing.
        warmup: steps of linear learning rate warm-up.
        decay_from: fraction of the steps after which cosine decay begins; before it the learning rate is constant.
        weight_decay: weight decay, applied to matrices only.
        betas: betas of AdamW.
        train_only: name patterns of the parameters to train, e.g. `*.lora_*` or `embedding.table`; all by default.
        average: decay of the moving average of the weights, saved for synthesis; 0: save the weights themselves.
        clip: maximum gradient norm (after unscaling); 0: no clipping.
        max_bad_steps: steps in a row without a finite gradient (or enough memory) after which the run stops; 0: never.
        accumulate: gradient accumulation: batches per optimizer step.
        precision: data type of the forward and backward pass; weights stay float32; auto: bf16 on CUDA, else fp32.
        compile: run the backbone through torch.compile.
        shard: with several processes, split weights, gradients and optimizer state over them (FSDP2).
        zero: with several processes, split the optimizer state (1), gradients (2), weights (3) by DeepSpeed; 0: no.
        checkpoint_every: steps between checkpoints; the last step is always saved.
        keep: number of checkpoints to keep; 0: all.
        log_every: steps between two lines of metrics.jsonl.
        text_gain_every: steps between two measurements of text_gain (how much the right text lowers the loss); 0:
            never.
        eval_every: steps between two evaluations on held-out utterances (losses, speech, pictures); 0: never.
        eval_sentences: number of held-out sentences an evaluation speaks, in [0, 32].
        eval_with: run with the other half, for speech where --model.parts is ar or nar.
        task_weights: how often each --task is drawn, in their order and in proportion; left out: equally often.
        control: where words such as save and quit come from: terminal, stdin (also a pipe), socket, none.
        trackers: where metrics go beside metrics.jsonl: tensorboard, wandb (both of valle-trackers).
        seed: random seed of weights, data order, sampled levels and tasks, and dropout.
        device: torch device: cpu, cuda, …; auto uses CUDA if available.
    """

    steps: int = 10_000
    minutes: float = 0.0
    lr: float | Literal["auto"] = "auto"
    warmup: int = 100
    decay_from: float = 0.0
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    train_only: tuple[str, ...] = ()
    average: float = 0.0
    clip: float = 1.0
    max_bad_steps: int = 25
    accumulate: int = 1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False
    shard: bool = False
    zero: int = 0
    checkpoint_every: int = 500
    keep: int = 3
    log_every: int = 10
    text_gain_every: int = 200
    eval_every: int = 0
    eval_sentences: int = 2
    eval_with: str = ""
    task_weights: tuple[float, ...] = ()
    control: tuple[Literal["terminal", "stdin", "socket", "none"], ...] = ("terminal", "socket")
    trackers: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"

    def mixed_precision(self, device: str) -> str:
        """What Accelerate calls the precision on this type of device."""
        chosen = ("bf16" if device == "cuda" else "fp32") if self.precision == "auto" else self.precision
        return "no" if chosen == "fp32" else chosen

    def __post_init__(self) -> None:
        for name in ("steps", "accumulate", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        may_be_0 = ("minutes", "lr", "warmup", "weight_decay", "clip", "keep", "text_gain_every", "eval_every")
        for name in (*may_be_0, "max_bad_steps"):
            value = 0 if getattr(self, name) == "auto" else getattr(self, name)
            if value < 0 or not math.isfinite(value):
                raise UserError(f"{name} must be at least 0, got {value}")
        for name, most in (("eval_sentences", 32), ("zero", 3)):
            if not 0 <= getattr(self, name) <= most:
                raise UserError(f"{name} must be in [0, {most}], got {getattr(self, name)}")
        for name in ("decay_from", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be in [0, 1), got {getattr(self, name):g}")
        if not all(0 < weight < math.inf for weight in self.task_weights):
            raise UserError(f"task_weights must be above 0, got {list(self.task_weights)}; leave a task out instead")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise UserError(f"betas must be in [0, 1), got {list(self.betas)}")
