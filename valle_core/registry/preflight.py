"""Checks that the selected plugins run here and fit each other, before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

Choices = Mapping[str, tuple[str, Sequence[str | Selected]]]
"""Slot → (kind, plugins or their names): what `Resolved.choices()` gives."""


def preflight(
    registry: Registry,
    choices: Choices,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    demands: Mapping[str, frozenset[str]] | None = None,
) -> dict[str, tuple[Selected, ...]]:
    """The selected plugins of every slot, once they are known to work together.

    Args:
        registry: where names are looked up.
        choices: the plugins of each slot, by name where they are still to be selected.
        device: where the run happens, `"cpu"` or `"cuda:1"`; must be what the machine really has.
        dtype: torch dtype name the run computes in.
        demands: slot → capabilities the command needs of its plugins, e.g. `{"arch": frozenset({"window"})}`.

    Raises:
        UserError: one line for each problem, all of them at once.
    """
    problems: list[str] = []
    selected: dict[str, tuple[Selected, ...]] = {}
    for slot, (kind, names) in choices.items():
        found: list[Selected] = []
        for name in names:
            try:
                found.append(name if isinstance(name, Selected) else registry.select(kind, name))
            except UserError as error:
                problems.append(str(error))
        selected[slot] = tuple(found)
    failed = {choices[slot][0] for slot in choices if len(selected[slot]) < len(choices[slot][1])}
    for slot, plugins in selected.items():
        for plugin in plugins:
            problems += _place(registry, slot, plugin, device.partition(":")[0], dtype)
            problems += _demands(registry, slot, plugin, (demands or {}).get(slot, frozenset()))
            problems += _needs(registry, selected, plugin, failed)
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))
    return selected


def capabilities(plugin: Selected) -> frozenset[str]:
    """What a plugin declares and what its kind owes anyway."""
    return plugin.spec.capabilities | plugin.entry.kind.owed


def _place(registry: Registry, slot: str, plugin: Selected, device: str, dtype: str) -> Iterator[str]:
    kind, spec = plugin.entry.kind, plugin.spec
    if kind.on_device and spec.devices and device not in spec.devices:
        wanted = " or ".join(_device_name(name) for name in spec.devices)
        yield (
            " ".join((f"{_who(plugin)} cannot run here: needs a {wanted} device, found {device}.", *spec.advisories))
            + _try(registry, slot, plugin, lambda other: not other.spec.devices or device in other.spec.devices)
        )
    elif kind.in_dtype and spec.dtypes and dtype not in spec.dtypes:
        yield (
            f"{_who(plugin)} cannot run in {dtype}: it runs in {', '.join(spec.dtypes)}."
            + _try(registry, slot, plugin, lambda other: not other.spec.dtypes or dtype in other.spec.dtypes)
        )


def _device_name(device: str) -> str:
    return {"cuda": "CUDA", "mps": "MPS", "cpu": "CPU"}.get(device, device)


def _demands(registry: Registry, slot: str, plugin: Selected, demanded: frozenset[str]) -> Iterator[str]:
    if missing := demanded - capabilities(plugin):
        yield f"{_who(plugin)} cannot do {', '.join(sorted(missing))}, which this command needs." + _try(
            registry, slot, plugin, lambda other: demanded <= capabilities(other)
        )


def _needs(
    registry: Registry, selected: Mapping[str, tuple[Selected, ...]], plugin: Selected, failed: set[str]
) -> Iterator[str]:
    """What the plugin's spec says it needs of other kinds; kinds whose selection failed were reported already."""
    for kind, needed in plugin.spec.needs.items():
        partners = [(slot, other) for slot, others in selected.items() for other in others if other.kind == kind]
        if not partners and kind not in failed:
            names = registry.names(kind)
            there = f" Choose one: --{kind} {names[0]}" if names else f" Install a plugin of kind {kind}"
            yield f"{_who(plugin)} needs a plugin of kind {kind} and none is selected.{there}"
        for slot, partner in partners:
            if missing := needed - capabilities(partner):
                yield (
                    f"{_who(plugin)} needs {kind} with {', '.join(sorted(missing))}, "
                    f"which {_who(partner)} does not declare."
                    + _try(registry, slot, partner, lambda other, needed=needed: needed <= capabilities(other))
                )


def _who(plugin: Selected) -> str:
    return f"{plugin.kind} '{plugin.name}' ({plugin.entry.owner})"


def _try(registry: Registry, slot: str, plugin: Selected, fits) -> str:
    """` Try: --slot name` with a plugin of the kind that can be used and fits, the usual one first; or nothing."""
    entries = [entry for entry in registry.entries(plugin.kind) if entry.status == "ok" and entry.name != plugin.name]
    entries.sort(key=lambda entry: entry.name != plugin.entry.kind.usual)
    for entry in entries:
        if fits(Selected(name=entry.name, entry=entry, spec=entry.spec)):  # type: ignore[arg-type]
            return f" Try: --{slot.replace('_', '-')} {entry.name}"
    return ""
