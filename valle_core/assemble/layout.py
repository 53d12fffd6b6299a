"""The layout of rows where the user left it open: by what the backbone declares, never by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from valle_core.config.schema import Resolved
from valle_core.model.options import ModelOptions
from valle_core.registry.select import Selected


def with_layout(resolved: Resolved, selected: Mapping[str, tuple[Selected, ...]]) -> Resolved:
    """The configuration with an order in place of `auto` (docs/adr/row-layout.md).

    A text that stands a whole prompt away from the answer is out of the reach of a backbone that does not declare
    "recall".
    """
    options: ModelOptions = resolved.sections["model"]
    if options.layout != "auto":
        return resolved
    (arch,) = selected["arch"]
    layout = "text-first" if "recall" in arch.spec.capabilities else "text-last"
    return replace(resolved, sections={**resolved.sections, "model": replace(options, layout=layout)})
