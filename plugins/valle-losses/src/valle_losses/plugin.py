"""The command of this distribution; its losses say themselves what they are."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

DROP_LAYERS = CommandSpec(
    name="drop-layers",
    api=2,
    summary="Copy a checkpoint with some of its layers, a start for a student to distil into",
    run="valle_losses.commands:drop_layers",
    schema="valle_losses.commands:SCHEMA",
    examples=("valle drop-layers runs/teacher --layers 6 --out student",),
)
