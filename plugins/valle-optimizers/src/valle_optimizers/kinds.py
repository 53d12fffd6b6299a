"""The kinds `optimizer` and `schedule` (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind

OPTIMIZER = Kind(
    name="optimizer",
    group="valle.optimizer",
    interface="valle_optimizers.contracts:Optimizer",
    api=1,
    suite="valle_testing.suites.optimizer.checks",
    floor=8,
    template="valle_testing:templates/optimizer",
    on_device=True,
    usual="adamw",
)
SCHEDULE = Kind(
    name="schedule",
    group="valle.schedule",
    interface="valle_optimizers.contracts:Schedule",
    api=1,
    suite="valle_testing.suites.schedule.checks",
    floor=5,
    template="valle_testing:templates/schedule",
    usual="cosine",
)
