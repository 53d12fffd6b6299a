"""The kind `loss` (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind

LOSS = Kind(
    name="loss",
    group="valle.loss",
    interface="valle_losses.contracts:Loss",
    api=1,
    suite="valle_testing.suites.loss.checks",
    floor=8,
    template="valle_testing:templates/loss",
)
