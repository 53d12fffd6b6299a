"""The command `valle compile`, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

COMPILE = CommandSpec(
    name="compile",
    api=2,
    summary="Compile the decoding step beforehand, once on a machine, so that no speech waits for it",
    run="valle_kit.compile_ahead:compile_step",
    schema="valle_kit.compile_ahead:SCHEMA",
    examples=("valle compile",),
)
