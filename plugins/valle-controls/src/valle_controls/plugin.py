"""The command and the hook that valle-controls announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, HookSpec

CONTROL = CommandSpec(
    name="control",
    api=2,
    summary="Tell a run that trains to save, quit, evaluate, export or change its learning rate",
    run="valle_controls.commands:control",
    schema="valle_controls.commands:CONTROL_SCHEMA",
    examples=("valle control runs/first", "valle control runs/first save", "valle control runs/first lr 3e-4 --json"),
)
CONTROLS = HookSpec(
    name="controls",
    api=1,
    summary="Takes words to a run (save, quit, eval, export, lr X, status) from the terminal or a socket (--control)",
    plugin="valle_controls.hook:HOOK",
    observes=("train_start", "train_requests", "train_step_end", "checkpoint_saved", "train_failed", "train_end"),
)
