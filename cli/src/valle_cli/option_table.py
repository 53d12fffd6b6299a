"""Every option of a composed command as a row: flag, key, type, default, help and panel."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.config.layer import flag_of
from valle_core.config.schema import Schema
from valle_core.config.values import accepts_none, bare, choices, describe, hints_of, is_many
from valle_core.registry.select import Selected


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionRow:
    """One option.

    Attributes:
        flag: `"--arch.hidden-size"`.
        key: `"arch.hidden_size"`, as in `--set` and YAML.
        panel: title of its help panel.
        help: what it does.
        metavar: how its value is shown.
        default: text of the default, None when there is none worth showing.
        switch: takes no value; `--no-…` turns it off.
        many: may be repeated.
        positional: given without a flag; `flag` is then how it is shown, `"TEXT"`.
        required: has no default.
        only_on: a switch without `--no-…`.
        short: the same in one letter, `"-y"`, or "".
        rest: takes the words behind a bare `--`.
        one_of: what its words are, where the registry knows: `"kinds"`.
    """

    flag: str
    key: str
    panel: str
    help: str = ""
    metavar: str = "TEXT"
    default: str | None = None
    switch: bool = False
    many: bool = False
    positional: bool = False
    required: bool = False
    only_on: bool = False
    short: str = ""
    rest: bool = False
    one_of: str = ""

    @property
    def off(self) -> str:
        """The flag that turns a switch off, "" where there is none."""
        return "" if self.only_on or not self.switch else f"--no-{self.flag[2:]}"


HELP = OptionRow(flag="--help", short="-h", key="", panel="Options", help="show this text", switch=True, only_on=True)
"""The row every command has and none announces."""


def standard_rows(schema: Schema, *, progress: bool) -> Iterator[OptionRow]:
    """The rows every command has; `--config` and `--set` where there are plugins to configure."""
    if progress:
        yield OptionRow(flag="--quiet", key="", panel="Options", help="no progress bar", switch=True, only_on=True)
    yield OptionRow(flag="--json", key="", panel="Options", help="print the result as JSON", switch=True, only_on=True)
    if schema.slots:
        panel, words = "Configuration", "any option by its YAML path, e.g. --set arch.d_model=512"
        yield OptionRow(
            flag="--config", key="", panel=panel, help="YAML file with any of these options", metavar="FILE"
        )
        yield OptionRow(flag="--set", key="", panel=panel, help=words, metavar="KEY=VALUE", many=True)


def slot_rows(
    schema: Schema, names: Mapping[str, tuple[str, ...]], known: Mapping[str, list[str]]
) -> Iterator[OptionRow]:
    """One row for each slot; `names` are the plugins selected, `known` those there are of each kind."""
    for slot in schema.slots:
        there = ", ".join(known.get(slot.kind, ()))
        yield OptionRow(
            flag=flag_of(slot.name),
            key=slot.name,
            panel="Parts",
            help=(f"repeat for a chain; one of: {there}" if slot.many else f"one of: {there}") if there else "",
            metavar=slot.kind.upper(),
            default=" · ".join(names.get(slot.name, ())) or None,
            many=slot.many,
        )


def section_rows(schema: Schema) -> Iterator[OptionRow]:
    """The options of the core's own sections."""
    for section in schema.sections:
        prefix = "" if section.flat else f"{section.name}."
        title = section.help or section.name.replace("_", " ").capitalize()
        for row in dataclass_rows(section.options_type, prefix, title):
            main = section.main and row.key == prefix + section.main
            if row.key in section.positional:
                row = dataclasses.replace(row, flag=row.key.upper(), positional=True, default=None)
            elif row.key == section.rest:
                row = dataclasses.replace(row, flag="-- " + row.key.upper(), positional=True, default=None, rest=True)
            elif row.default == "off" and not schema.slots:  # no file and no default could have switched it on
                row = dataclasses.replace(row, only_on=True)
            yield dataclasses.replace(row, flag=flag_of(section.name), key=section.name) if main else row


def plugin_rows(selected: Mapping[str, tuple[Selected, ...]]) -> Iterator[OptionRow]:
    """The options of every selected plugin, one panel each."""
    for slot, plugins in selected.items():
        for plugin in plugins:
            title = f"{plugin.kind} {plugin.name} ({plugin.entry.owner})"
            if slot != plugin.kind:
                title = f"{flag_of(slot)[2:]}: {title}"
            yield from dataclass_rows(plugin.options_type(), f"{slot}.", title)


def dataclass_rows(options_type: type, prefix: str, panel: str) -> Iterator[OptionRow]:
    """One row for each field of an options dataclass."""
    hints, texts = hints_of(options_type), attribute_texts(options_type)
    for field in dataclasses.fields(options_type):
        hint = hints[field.name]
        words = choices(hint)
        kinds = {int: "INTEGER", float: "FLOAT", str: "TEXT", bool: "true|false", Path: "PATH"}
        yield OptionRow(
            flag=flag_of(prefix + field.name),
            key=prefix + field.name,
            panel=panel,
            help=_phrase(field.metadata.get("help") or texts.get(field.name) or f"expects {describe(hint)}"),
            metavar="|".join(words) if words else kinds.get(_item(hint), "VALUE"),
            short=field.metadata.get("short", ""),
            one_of=field.metadata.get("one_of", ""),
            default=_default(field, hint),
            switch=bare(hint) is bool,
            many=is_many(hint),
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )


def _phrase(text: str) -> str:
    """A single phrase without a full stop, whichever way its author ends one."""
    return text if ". " in text else text.removesuffix(".")


def _item(hint: Any) -> Any:
    """The type of one value on the command line."""
    inner = bare(hint)
    if is_many(hint):
        return next((item for item in getattr(inner, "__args__", ()) if item is not Ellipsis), str)
    return inner


def _default(field: dataclasses.Field, hint: Any) -> str | None:
    made = field.default_factory
    value = field.default if made is dataclasses.MISSING else made()
    if value is dataclasses.MISSING:
        return None
    if value is None:
        return "none" if accepts_none(hint) else None
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(map(str, value)) or "empty"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(getattr(value, "value", value)) or None


def attribute_texts(options_type: type) -> dict[str, str]:
    """Field → text, read from the `Attributes:` sections of the docstrings of the class and those it extends."""
    texts: dict[str, str] = {}
    for owner in reversed(options_type.__mro__):
        texts |= _texts_in(owner.__doc__ or "")
    return texts


def _texts_in(docstring: str) -> dict[str, str]:
    lines = inspect.cleandoc(docstring).splitlines()
    texts: dict[str, str] = {}
    name = ""
    inside = False
    for line in lines:
        if not line.startswith(" "):
            inside = line.strip() == "Attributes:" or (inside and not line.strip())
            continue
        if not inside:
            continue
        if match := re.match(r" {2,4}(\w+)(?: \([^)]*\))?: *(.*)", line):
            name = match[1]
            texts[name] = match[2]
        elif name:
            texts[name] += f" {line.strip()}"
    return texts
