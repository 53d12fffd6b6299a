"""Takes the options of a composed command out of argv, in the order typed (chains depend on it)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from valle_cli.rows import Row
from valle_core.config.layer import nearest
from valle_core.config.schema import Schema
from valle_core.plugin import UserError


@dataclass
class Arguments:
    """What argv says.

    Attributes:
        config: file given with `--config`, or None.
        sets: values of `--set`.
        flags: (key, value) in the order typed.
        rest: what belongs to the command itself.
    """

    config: str | None = None
    sets: list[str] = field(default_factory=list)
    flags: list[tuple[str, object]] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def keys(self) -> frozenset[str]:
        """Top-level keys that are set by `--set` or a flag."""
        words = [*(text.partition("=")[0] for text in self.sets), *(key for key, _ in self.flags)]
        return frozenset(word.strip().partition(".")[0].replace("-", "_") for word in words)


def selections(argv: Sequence[str], schema: Schema) -> Arguments:
    """Only `--config`, `--set` and the slots' own flags: enough to know which plugins are meant."""
    rows = [Row(flag="--" + slot.name.replace("_", "-"), key=slot.name, panel="") for slot in schema.slots]
    return _take(argv, rows)


def arguments(
    argv: Sequence[str], schema: Schema, rows: Sequence[Row], names: Mapping[str, tuple[str, ...]]
) -> Arguments:
    """Everything the schema and its selected plugins own. Raises `UserError` for options below them nobody has."""
    owners = {f"--{slot.name.replace('_', '-')}.": " · ".join(names[slot.name]) for slot in schema.slots}
    owners |= {f"--{section.name.replace('_', '-')}.": "" for section in schema.sections if not section.flat}
    taken = _take(argv, rows)
    end = taken.rest.index("--") if "--" in taken.rest else len(taken.rest)
    for word in taken.rest[:end]:
        for prefix, plugin in owners.items():
            if word.startswith(prefix):
                raise _refuse(word.partition("=")[0], prefix, plugin, rows)
    return taken


def _refuse(flag: str, prefix: str, plugin: str, rows: Sequence[Row]) -> UserError:
    there = [row.flag.removeprefix(prefix) for row in rows if row.flag.startswith(prefix)]
    of = f" of {prefix[2:-1]} '{plugin}'" if plugin else ""
    options = ", ".join(prefix + name for name in there) or "none"
    return UserError(
        f"there is no option {flag}{of}.{nearest(flag.removeprefix(prefix), there, prefix)} Options: {options}"
    )


def _take(argv: Sequence[str], rows: Sequence[Row]) -> Arguments:
    values = {row.flag: row for row in rows}
    switched_off = {row.off: row for row in rows if row.switch}
    taken = Arguments()
    words = iter(argv)
    for word in words:
        if word == "--":
            taken.rest += [word, *words]
            break
        flag, equals, inline = word.partition("=")
        if flag == "--config":
            taken.config = inline if equals else _value(flag, words)
        elif flag == "--set":
            taken.sets.append(inline if equals else _value(flag, words))
        elif flag in values:
            row = values[flag]
            value = inline if equals else (True if row.switch else _value(flag, words))
            taken.flags.append((row.key, value))
        elif word in switched_off:
            taken.flags.append((switched_off[word].key, False))
        else:
            taken.rest.append(word)
    return taken


def _value(flag: str, words: Iterator[str]) -> str:
    try:
        return next(words)
    except StopIteration:
        raise UserError(f"{flag} needs a value") from None
