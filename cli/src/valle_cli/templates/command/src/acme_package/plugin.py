"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import CommandSpec

SPEC = CommandSpec(
    name="acme-name",
    api=1,
    summary="Tell how loud recordings are and whether they are clipped",
    app="acme_package.app:app",
)
