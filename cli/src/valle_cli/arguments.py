"""Reads argv for every command, in the order typed (chains depend on it)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from valle_cli.option_table import OptionRow
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
        switches: of `"help"`, `"json"` and `"quiet"` those that were given.
        rest: words that are no option.
        behind: words behind a bare `--`.
        unknown: words that look like an option and are not one.
    """

    config: str | None = None
    sets: list[str] = field(default_factory=list)
    flags: list[tuple[str, object]] = field(default_factory=list)
    switches: set[str] = field(default_factory=set)
    rest: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def keys(self) -> frozenset[str]:
        """Top-level keys that are set by `--set` or a flag."""
        words = [*(text.partition("=")[0] for text in self.sets), *(key for key, _ in self.flags)]
        return frozenset(word.strip().partition(".")[0].replace("-", "_") for word in words)


def selections(argv: Sequence[str], schema: Schema, rows: Sequence[OptionRow]) -> Arguments:
    """What says which plugins are meant: `--config`, `--set` and the slots. Options of plugins are not known yet."""
    taken = _take(argv, rows)
    slots = {slot.name for slot in schema.slots}
    return Arguments(taken.config, taken.sets, [(key, value) for key, value in taken.flags if key in slots])


def arguments(
    argv: Sequence[str], schema: Schema, rows: Sequence[OptionRow], names: Mapping[str, tuple[str, ...]], command: str
) -> Arguments:
    """All of `valle COMMAND …`. Raises `UserError` for options that nobody has and for a word too many."""
    taken = _take(argv, rows)
    owners = {f"--{slot.name.replace('_', '-')}.": " · ".join(names[slot.name]) for slot in schema.slots}
    owners |= {f"--{section.name.replace('_', '-')}.": "" for section in schema.sections if not section.flat}
    for word in taken.unknown:
        raise _refuse(word, owners, rows, command)
    if "help" in taken.switches:
        return taken
    places = iter([row for row in rows if row.positional and not row.rest])
    rest = next((row.key for row in rows if row.rest), "")
    words = [*taken.rest, *([] if rest else taken.behind)]
    if rest and taken.behind:
        taken.flags.append((rest, taken.behind))
    while words:
        row = next(places, None)
        if row is None:
            raise UserError(f"unexpected argument '{words[0]}'. See: valle {command} --help")
        taken.flags.append((row.key, list(words) if row.many else words[0]))
        del words[: len(words) if row.many else 1]
    return taken


def _refuse(word: str, owners: Mapping[str, str], rows: Sequence[OptionRow], command: str) -> UserError:
    flag = word.partition("=")[0]
    for prefix, plugin in owners.items():
        if flag.startswith(prefix):
            there = [row.flag.removeprefix(prefix) for row in rows if row.flag.startswith(prefix)]
            of = f" of {prefix[2:-1]} '{plugin}'" if plugin else ""
            options = ", ".join(prefix + name for name in there) or "none"
            near = nearest(flag.removeprefix(prefix), there, prefix)
            return UserError(f"there is no option {flag}{of}.{near} Options: {options}")
    flags = [flag for row in rows if not row.positional for flag in (row.flag, row.off) if flag]
    near = nearest(flag, flags) or ""
    text = f"there is no option {flag}.{near} See --help"
    if word[1:2] != "-" or " " in word:  # no option has a single hyphen
        dashes = f"valle {command} … -- {shlex.quote(word)}"
        text = f"there is no option {flag}. A text that begins with - goes behind --, after all options: {dashes}"
    return UserError(text)


def _take(argv: Sequence[str], rows: Sequence[OptionRow]) -> Arguments:
    values = {word: row for row in rows if not row.positional for word in (row.flag, row.short) if word}
    switched_off = {row.off: row for row in rows if row.off}
    taken = Arguments()
    words = iter(argv)
    for word in words:
        if word == "--":
            taken.behind += words
            break
        flag, equals, inline = word.partition("=")
        row = values.get(flag)
        if row is not None and row.switch and not row.key:
            if equals:
                raise UserError(f"{flag} takes no value, got '{inline}'")
            taken.switches.add(row.flag[2:])
        elif row is not None:
            value: str | bool = inline if equals else (True if row.switch else _value(flag, words))
            _put(taken, row, value)
        elif word in switched_off:
            taken.flags.append((switched_off[word].key, False))
        elif word[:1] == "-" and word != "-":
            taken.unknown.append(word)
        else:
            taken.rest.append(word)
    return taken


def _put(taken: Arguments, row: OptionRow, value: str | bool) -> None:
    if row.key:
        taken.flags.append((row.key, value))
    elif row.flag == "--config":
        taken.config = str(value)
    else:
        taken.sets.append(str(value))


def _value(flag: str, words: Iterator[str]) -> str:
    try:
        return next(words)
    except StopIteration:
        raise UserError(f"{flag} needs a value") from None
