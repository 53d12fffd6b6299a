"""Which plugins of a kind a benchmark measures."""

from __future__ import annotations

from collections.abc import Sequence

from valle_core.plugin import PluginSpec, UserError
from valle_core.registry.registry import Registry


def candidates_of(
    registry: Registry, kind: str, wanted: Sequence[str], device: str
) -> tuple[list[str], dict[str, str]]:
    """The names to measure, and those of this machine that cannot be, with the reason.

    Args:
        wanted: names that were asked for; all usable ones where there are none.
        device: torch device type.

    Raises:
        UserError: one that is asked for cannot be used, or none is there.
    """
    for name in wanted:
        registry.select(kind, name)
    if wanted:
        return list(dict.fromkeys(wanted)), {}
    usable, left = [], {}
    for entry in registry.entries(kind):
        if entry.status == "ok" and isinstance(entry.spec, PluginSpec) and device in (entry.spec.devices or (device,)):
            usable.append(entry.name)
        else:
            left[entry.name] = entry.why or f"it does not run on {device}"
    if not usable:
        raise UserError(f"no usable {kind} is installed. See: valle list-plugins --kind {kind}")
    return usable, left
