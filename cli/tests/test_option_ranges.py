"""A value that an option refuses is told in one form, with the option named once, whoever the option belongs to."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from valle_cli.interpreter import opened
from valle_cli.option_table import OptionRow, dataclass_rows, section_rows
from valle_core.config.layer import flag_of
from valle_core.config.resolve import Remembering, resolve
from valle_core.config.schema import Schema
from valle_core.plugin import CommandSpec, UserError
from valle_core.registry.registry import Registry

REGISTRY = Registry.open(environ={}, safe=True)
PLUGINS = Remembering(REGISTRY)
COMMANDS = {name: entry.spec for name in REGISTRY.names("command") if (entry := REGISTRY.find("command", name))}
FORM = r"( must|: expected|: .* must) .*, got \S+( and \S+)?$"
"""The third is about another option, which this one does not fit."""


def needed(schema: Schema) -> list[tuple[str, object]]:
    """A value for every option that has no default."""
    found: list[tuple[str, object]] = []
    for section in schema.sections:
        for field in dataclasses.fields(section.options_type):
            if field.default is field.default_factory is dataclasses.MISSING:
                word = "hdf5" if field.name == "storage" else "x"
                found.append((field.name if section.flat else f"{section.name}.{field.name}", word))
    return found


def numbers(schema: Schema) -> Iterator[tuple[Schema, OptionRow]]:
    """Every option that takes a number, of the command and of every plugin it can use, with the schema it is in."""
    rows = [(replace(schema, slots=()), row) for row in section_rows(schema)]
    for slot in schema.slots:
        for name in REGISTRY.names(slot.kind):
            if REGISTRY.find(slot.kind, name).status == "ok":
                alone = Schema((replace(slot, default=(name,) if slot.many else name, serves=""),), ())
                options = REGISTRY.select(slot.kind, name).options_type()
                rows += [(alone, row) for row in dataclass_rows(options, f"{slot.name}.", "")]
    yield from ((where, row) for where, row in rows if row.metavar in ("INTEGER", "FLOAT") and not row.many)


def refusals(schema: Schema, value: str) -> Iterator[tuple[str, str]]:
    """(flag, message) of all number options that refuse `value`."""
    for where, row in numbers(schema):
        flags = [*(one for one in needed(where) if one[0] != row.key), (row.key, value)]
        try:
            resolve(where, PLUGINS, yaml_file=None, sets=(), flags=flags)
        except UserError as error:
            yield flag_of(row.key), str(error)


def wrong(flag: str, message: str) -> bool:
    rest = message.removeprefix(flag)
    twice = re.search(rf"\b{flag.rpartition('.')[2].lstrip('-').replace('-', '_')} must", rest)
    return rest == message or bool(twice) or not re.match(FORM, rest)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_number_out_of_its_range_is_refused_in_one_form(name):
    spec = COMMANDS[name]
    assert isinstance(spec, CommandSpec)
    schema = opened(spec).schema
    found = [one for value in ("-1000000", "nan") for one in refusals(schema, value)]
    assert [message for flag, message in found if wrong(flag, message)] == []


def test_most_numbers_have_a_range_and_none_takes_nan():
    spec = COMMANDS["synth"]
    assert isinstance(spec, CommandSpec)
    schema = opened(spec).schema
    count = len(list(numbers(schema)))
    assert count > 15
    assert len(list(refusals(schema, "nan"))) == count
    assert len(list(refusals(schema, "-1000000"))) > count / 2


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--speed", "--speed: synthesis: speed must be in [0.25, 4], got 9"),
        ("--recognizer.beams", "--recognizer.beams: recognizer 'whisper': beams must be at least 1, got 0"),
        ("--steps", "steps must be at least 1, got 0"),
        ("--steps", "--steps must be positive"),
    ],
)
def test_an_option_named_twice_or_not_at_all_is_noticed(flag, message):
    assert wrong(flag, message)
