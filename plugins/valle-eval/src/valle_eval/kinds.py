"""The kind that valle-eval announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind

METRIC = Kind(
    name="metric",
    group="valle.metric",
    interface="valle_language.measuring:Metric",
    api=1,
    suite="valle_testing.suites.metric.checks",
    floor=8,
    template="valle_testing:templates/metric",
    on_device=True,
    words=frozenset({"text", "transcript", "phones", "expected", "reference", "source", "voice", "making", "ended"}),
    usual="wer",
)
