"""Puts the layers together: which plugins are used, and every option's final value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valle_core.config.layer import flag_of, layers, nearest
from valle_core.config.schema import (
    Layers,
    Part,
    PluginSelector,
    Resolved,
    Schema,
    Section,
    SelectedPlugin,
    Setting,
    Slot,
)
from valle_core.config.values import hints_of, is_many, validated
from valle_core.plugin import BEFORE, UserError


@dataclass
class _Element:
    """A plugin of a slot while the layers are read."""

    name: str
    origin: str
    options: dict[str, Setting] = field(default_factory=dict)


def resolve(
    schema: Schema,
    registry: PluginSelector,
    *,
    yaml_file: str | Path | None = None,
    sets: Sequence[str] = (),
    flags: Iterable[tuple[str, Any]] = (),
) -> Resolved:
    """Everything a command is configured with; defaults < YAML < `sets` < `flags`.

    Args:
        schema: what can be configured.
        registry: gives the plugin of a kind by name and its options dataclass.
        yaml_file: `arch: {name: llama, d_model: 512}`; a chain is a list.
        sets: `"arch.d_model=512"`.
        flags: (`"arch.d_model"`, `"512"`) in the order typed: an option of a chain belongs to the last plugin named
            before it.

    A plugin named anew in a later layer starts from its defaults unless it is the one already selected, except that
    `--set` on the command line speaks of the plugin that a flag beside it selects; a chain named anew in a later layer
    replaces the earlier one whole.

    Raises:
        UserError: naming where the value was written, its path, what was expected and what was found.
    """
    registry = Remembering(registry)
    stack = without_idle(schema, registry, layers(schema, yaml_file=yaml_file, sets=sets, flags=list(flags)))
    parts = {slot.name: _resolve_slot(slot, registry, stack) for slot in schema.slots}
    sections = {section.name: _resolve_section(section, stack) for section in schema.sections}
    return Resolved(parts=parts, sections=sections, schema=schema)


def read_resolved(schema: Schema, registry: PluginSelector, file: Path, instead: Mapping[str, Part]) -> Resolved:
    """What a checkpoint keeps: a configuration that was resolved before (`valle_core.config.save.to_yaml`).

    An option it lacks has the value from before the option existed, where the option says one
    (`valle_core.plugin.BEFORE`). Slots in `instead` hold that plugin, whatever the file names.

    Raises:
        UserError: as `resolve`.
    """
    registry = Remembering(registry)
    stack = layers(schema, yaml_file=file)
    parts = {
        slot.name: (instead[slot.name],) if slot.name in instead else _resolve_slot(slot, registry, stack, stored=True)
        for slot in schema.slots
    }
    sections = {section.name: _resolve_section(section, stack, stored=True) for section in schema.sections}
    return Resolved(parts=parts, sections=sections, schema=schema)


def stored_part(
    plugin: SelectedPlugin, kind: str, values: Mapping[str, Any], origin: str, *, stored: bool = False
) -> Part:
    """A plugin with the options that a dataset or a checkpoint keeps of it; `stored` as in `read_resolved`.

    Raises:
        UserError: it has not such an option, or the value does not fit.
    """
    slot, element, hints = Slot(kind, kind, None), _Element(plugin.name, origin), hints_of(plugin.options_type())
    for name, value in values.items():
        _put(slot, hints, element, Setting((kind, name), value, origin))
    return _build(slot, plugin, element, stored=stored)


class Remembering:
    """The registry, asked once for each plugin."""

    def __init__(self, registry: PluginSelector) -> None:
        self._registry = registry
        self._found: dict[tuple[str, str], SelectedPlugin] = {}

    def select(self, kind: str, name: str) -> SelectedPlugin:
        """See `PluginSelector`."""
        if (kind, name) not in self._found:
            self._found[kind, name] = self._registry.select(kind, name)
        return self._found[kind, name]


def chosen(schema: Schema, stack: Layers) -> dict[str, tuple[str, ...]]:
    """Slot → names of the plugins selected, without looking at any option."""
    names: dict[str, tuple[str, ...]] = {slot.name: () for slot in schema.slots}
    for layer in stack:
        for slot in schema.slots:
            picked = [setting.value for setting in layer if setting.path == (slot.name,)]
            if picked:
                kept = picked if slot.many else picked[-1:]
                last_reset = max((at for at, name in enumerate(kept) if name is None or name == slot.open), default=-1)
                names[slot.name] = tuple(kept[last_reset + 1 :])
    return names


def without_idle(schema: Schema, registry: PluginSelector, stack: Layers) -> Layers:
    """The layers without the defaults of slots that serve a plugin which takes nothing of their kind.

    Raises:
        UserError: such a slot was set on purpose.
    """
    names = chosen(schema, stack)
    for slot in schema.slots:
        try:
            hosts = [registry.select(schema.kind_of(slot.serves), name) for name in names.get(slot.serves, ())]
        except UserError:
            continue  # told with its place when that slot is resolved
        if not hosts or any(slot.kind in host.spec.needs for host in hosts):
            continue
        mine = [setting for layer in stack for setting in layer if setting.path[0] == slot.name]
        for setting in mine:
            if setting.origin != "default" and setting.value is not None:
                host = hosts[0].name
                raise UserError(f"{setting.origin}: {slot.serves} '{host}' takes no {slot.kind}; leave {slot.name} out")
        stack = [[setting for setting in layer if setting not in mine] for layer in stack]
    return stack


def _resolve_slot(slot: Slot, registry: PluginSelector, stack: Layers, *, stored: bool = False) -> tuple[Part, ...]:
    chain: list[_Element] = []
    written = [[setting for setting in layer if setting.path[0] == slot.name] for layer in stack]
    if slot.many and any(len(setting.path) == 1 for setting in next(filter(None, written[1:]), ())):
        written = written[1:]  # the default chain is replaced whole, so its plugins need not be installed
    if not slot.many:
        *before, sets, flags = written
        written = [*before, [*sets, *flags]]
    for settings in written:
        chain = _extend(slot, registry, chain, settings) if slot.many else _replace(slot, registry, chain, settings)
    if slot.open and [element.name for element in chain] == [slot.open]:
        return (Part(slot.open, None),)
    return tuple(_build(slot, _select(slot, registry, element), element, stored=stored) for element in chain)


def _replace(slot: Slot, registry: PluginSelector, chain: list[_Element], settings: list[Setting]) -> list[_Element]:
    """One layer of a slot that holds one plugin: the last selection counts, options go to it."""
    picked = [setting for setting in settings if len(setting.path) == 1]
    if picked and picked[-1].value is None:
        chain = []
    elif picked and [element.name for element in chain] != [picked[-1].value]:
        chain = [_Element(picked[-1].value, picked[-1].origin)]
    for setting in settings:
        if len(setting.path) > 1:
            if not chain:
                raise UserError(f"{setting.where}: no {slot.kind} is selected that could have options")
            if chain[0].name == slot.open:
                raise UserError(f"{setting.where}: name the {slot.kind} that has it: --{slot.name} NAME")
            _put(slot, _hints(slot, registry, chain[0]), chain[0], setting)
    return chain


def _extend(slot: Slot, registry: PluginSelector, chain: list[_Element], settings: list[Setting]) -> list[_Element]:
    """One layer of a chain: naming a plugin starts a new chain, options belong to the plugin named last."""
    renamed = any(len(setting.path) == 1 for setting in settings)
    if not renamed:
        for setting in settings:
            owner = _owner(slot, registry, chain, setting)
            _put(slot, _hints(slot, registry, owner), owner, setting)
        return chain
    chain = []
    for setting in settings:
        if len(setting.path) == 1:
            chain = [] if setting.value is None else [*chain, _Element(setting.value, setting.origin)]
        elif not chain:
            raise UserError(f"{setting.where}: write it after the {flag_of(slot.name)} NAME it belongs to")
        else:
            _put(slot, _hints(slot, registry, chain[-1]), chain[-1], setting)
    return chain


def _owner(slot: Slot, registry: PluginSelector, chain: list[_Element], setting: Setting) -> _Element:
    """The one plugin of an earlier layer's chain that has this option."""
    owners = [element for element in chain if setting.path[1] in _hints(slot, registry, element)]
    if len(owners) == 1:
        return owners[0]
    names = " · ".join(element.name for element in chain) or "empty"
    if owners:
        raise UserError(f"{setting.where}: several of the chain ({names}) have it; name the chain anew")
    words = [name for element in chain for name in _hints(slot, registry, element)]
    raise UserError(
        f"{setting.origin}: no {slot.kind} of the chain ({names}) has an option '{setting.path[1]}'."
        f"{nearest(setting.path[1], words)}"
    )


def _hints(slot: Slot, registry: PluginSelector, element: _Element) -> dict[str, Any]:
    return hints_of(_select(slot, registry, element).options_type())


def _select(slot: Slot, registry: PluginSelector, element: _Element) -> SelectedPlugin:
    try:
        return registry.select(slot.kind, element.name)
    except UserError as error:
        if element.origin.startswith(("--", "default")):
            raise
        raise UserError(f"{element.origin}: {error}") from error


def _put(slot: Slot, hints: Mapping[str, Any], element: _Element, setting: Setting) -> None:
    name = setting.path[1]
    if name not in hints:
        raise UserError(
            f"{setting.origin}: {slot.kind} '{element.name}' has no option '{name}'.{nearest(name, hints)}"
            f" Options: {', '.join(hints) or 'none'}"
        )
    element.options[name] = _joined(element.options.get(name), setting, hints[name])


def _joined(before: Setting | None, setting: Setting, hint: Any) -> Setting:
    """Repeating a list option on the command line collects its values; otherwise the last one counts."""
    if not (setting.text and is_many(hint)) or str(setting.value)[:1] in "[{":
        return setting
    repeated = before is not None and before.origin == setting.origin and isinstance(before.value, list)
    return dataclasses.replace(setting, value=[*(before.value if before and repeated else []), setting.value])


def _build(slot: Slot, plugin: SelectedPlugin, element: _Element, *, stored: bool) -> Part:
    options = _instance(plugin.options_type(), element.options, f"{slot.kind} '{element.name}'", stored=stored)
    return Part(plugin.name, options, plugin)


def _resolve_section(section: Section, stack: Layers, *, stored: bool = False) -> Any:
    hints = hints_of(section.options_type)
    options: dict[str, Setting] = {}
    for layer in stack:
        for setting in layer:
            if section.flat and setting.path[0] in hints and len(setting.path) == 1:
                name = setting.path[0]
            elif not section.flat and setting.path[0] == section.name:
                name = setting.path[1]
            else:
                continue
            if name not in hints:
                raise UserError(
                    f"{setting.origin}: unknown key '{setting.key}'.{nearest(name, hints)} Keys: {', '.join(hints)}"
                )
            options[name] = _joined(options.get(name), setting, hints[name])
    return _instance(section.options_type, options, section.name, stored=stored)


def before_there_was(options_type: type) -> dict[str, Any]:
    """Option → its value in files from before it existed, for those that say one."""
    return {item.name: item.metadata[BEFORE] for item in dataclasses.fields(options_type) if BEFORE in item.metadata}


def _instance(options_type: type, options: dict[str, Setting], who: str, *, stored: bool) -> Any:
    hints = hints_of(options_type)
    values = {name: validated(setting, hints[name]) for name, setting in options.items()}
    if stored:
        values = {**before_there_was(options_type), **values}
    missing = [
        item.name
        for item in dataclasses.fields(options_type)
        if item.name not in values and item.default is item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UserError(f"{who} needs a value for {', '.join(missing)}")
    try:
        return options_type(**values)
    except ValueError as error:
        about = re.match(r"(?:\S+[. ](?=\w+ must )|--)?([\w-]+) (.*)", str(error), re.DOTALL)
        if about and (first := options.get(about[1].replace("-", "_"))) and first.origin.startswith("--"):
            raise UserError(f"{first.origin} {about[2]}") from error  # the option is named once
        named = [one for name, one in options.items() if name in re.findall(r"\w+", str(error))] or options.values()
        origins = ", ".join(dict.fromkeys(setting.origin for setting in named))
        raise UserError(f"{origins + ': ' if origins else ''}{who}: {error}") from error
    except Exception as error:  # the fault of a plugin, whose user should know which
        raise UserError(f"{who} fails on its options: {type(error).__name__}: {error}") from error
