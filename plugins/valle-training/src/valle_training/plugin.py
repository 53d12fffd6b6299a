"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import HookSpec

TEXT_GAIN = HookSpec(
    name="text-gain",
    api=1,
    summary="Measures how much the right text lowers the loss, and warns of a model that does not read it",
    plugin="valle_training.text_gain:HOOK",
    observes=("train_start", "train_figures", "train_end"),
)

STUCK_BATCH = HookSpec(
    name="stuck-batch",
    api=1,
    summary="Keeps the batch of a run that stops because its loss is not finite any more",
    plugin="valle_training.stuck_batch:HOOK",
    observes=("train_start", "train_stuck"),
)

PROCESSES = HookSpec(
    name="processes",
    api=1,
    summary="Joins the processes of torchrun, accelerate launch or deepspeed to train one run (DDP, FSDP2, ZeRO)",
    plugin="valle_training.launched:HOOK",
    observes=("train_processes",),
    critical=True,
)

EVALUATION = HookSpec(
    name="evaluation",
    api=1,
    summary="Measures held-out losses and writes speech and pictures of held-out sentences (--eval-every)",
    plugin="valle_training.evaluation.hook:HOOK",
    observes=("train_start", "train_figures"),
)
