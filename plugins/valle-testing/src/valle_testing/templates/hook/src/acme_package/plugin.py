"""What this distribution offers (standard library only)."""

from __future__ import annotations

from valle_core.plugin import HookSpec

SPEC = HookSpec(
    name="acme-name",
    api=1,
    summary="Brings all speech to one loudness",
    plugin="acme_package.hooks:HOOKS",
)
