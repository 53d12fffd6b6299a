"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

SPEC = CommandSpec(
    name="acme-name",
    api=2,
    summary="Tell how loud recordings are and whether they are clipped",
    run="acme_package.command:main",
    schema="acme_package.command:SCHEMA",
    examples=("valle acme-name take-1.wav take-2.wav --json",),
    progress=True,
)
