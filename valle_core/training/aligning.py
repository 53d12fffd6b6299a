"""The alignment of a run where it was left open: by what the dataset and the tasks have, never by their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from valle_core.config.resolve import stored_part
from valle_core.config.schema import Resolved
from valle_core.data.dataset import Dataset
from valle_core.registry.kinds import kind_named
from valle_core.registry.preflight import capabilities, preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

TIMES = "times"  # capability of tasks whose inputs have times


def with_alignment(
    resolved: Resolved, selected: Mapping[str, tuple[Selected, ...]], registry: Registry, dataset: Dataset, device: str
) -> tuple[Resolved, dict[str, tuple[Selected, ...]]]:
    """The configuration with an alignment in place of `auto`, or with none, and the plugins with it.

    The usual one is taken where it is installed, every task declares "times" and the dataset has the times of its
    phonemes.
    """
    part = next(iter(resolved.parts["alignment"]), None)
    if part is not None and part.options is None:
        usual = kind_named("alignment").usual
        fits = usual in registry.names("alignment") and all(TIMES in capabilities(task) for task in selected["task"])
        timed = fits and any(dataset.record(id).times for id in dataset.ids[:: max(1, len(dataset) // 8)])
        plugin = registry.select("alignment", usual) if timed else None
        found = (stored_part(plugin, "alignment", {}, "default"),) if plugin else ()
        resolved = replace(resolved, parts={**resolved.parts, "alignment": found})
    choices = {slot: choice for slot, choice in resolved.choices().items() if slot == "alignment"}
    return resolved, {**selected, **preflight(registry, choices, device=device)}
