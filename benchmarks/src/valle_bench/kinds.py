"""The kinds that valle-bench announces (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import Kind, ReferenceSpec

REFERENCE = Kind(
    name="reference",
    group="valle.reference",
    interface="",
    api=1,
    suite="",
    spec=ReferenceSpec,
    usage="",
)
"""What a benchmark runs beside a part of ours; all that are installed take part, none is picked by name."""
