"""YAML that is damaged or made to harm is one line with its place, at once and in little memory."""

from __future__ import annotations

import pytest

from valle_core.config.resolve import resolve
from valle_core.config.yaml_file import LONGEST, MOST, read_file, read_text
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
MERGES = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30))

HOSTILE = {
    "aliases of aliases": (BOMB, f"stand for more than {MOST} values"),
    "merges of merges": (MERGES, f"stand for more than {MOST} values"),
    "an anchor in itself": ("a: &a [*a]", "contains itself"),
    "a merge of itself": ("a: &a {<<: *a}", "contains itself"),
    "a merge of a word": ("a: {<<: x}", "<< needs keys with values"),
    "lists in lists": ("[" * 20_000, "nests too deep|not valid YAML"),
    "mappings in mappings": ("\n".join("  " * n + "a:" for n in range(600)), "nests too deep"),
    "closed lists in lists": ("a: " + "[" * 3000 + "]" * 3000, "nests too deep"),
    "too long": ("a: " + "x" * LONGEST, "characters, more than"),
    "a control character": ("a: 1\nb: \x07", "x:2: not valid YAML: it holds the control character '.x07'"),
    "a zero": ("a: \x00", "control character"),
    "half of a character": ("a: \ud800", "control character"),
    "a key twice": ("a: 1\nb: 2\na: 3", "x:3: key 'a' stands here a second time"),
    "a list as a key": ("? [a]\n: 1", "keys are words"),
    "a mapping as a key": ("{{a: 1}: 2}", "keys are words"),
    "a number as a key": ("1: 2", "keys are words, got 1"),
    "an integer of 5000 digits": ("a: " + "9" * 5000, "is not of type int"),
    "no integer": ("a: !!int x", "'x' is not of type int"),
    "no boolean": ("a: !!bool x", "'x' is not of type bool"),
    "no number": ("a: !!float x", "'x' is not of type float"),
    "no time": ("a: !!timestamp x", "'x' is not of type timestamp"),
    "no date": ("a: 2001-99-99", "is not of type timestamp"),
    "no bytes": ("a: !!binary é", "x:1: not valid YAML"),
    "code": ("a: !!python/object/apply:os.system [ls]", "refused|not valid YAML"),
    "a set": ("a: !!set {x}", "refused"),
    "two documents": ("a: 1\n---\nb: 2", "not valid YAML"),
    "an unknown alias": ("a: *b", "undefined alias"),
    "a tab": ("a:\n\t- b", "not valid YAML"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_yaml_is_refused_in_one_line(kind):
    text, message = HOSTILE[kind]
    with pytest.raises(UserError, match=message) as raised:
        read_text(text, "x")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_aliases_and_merges_that_are_meant_are_read():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 9}, *a], z: *a}\nd: &d [1, 2]\ne: [*d, *d]"
    found = read_text(text, "x").plain()
    assert found["b"] == {"x": 1, "y": 3}
    assert found["c"] == {"x": 9, "y": 2, "z": {"x": 1, "y": 2}}
    assert found["e"] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("value", ["2001-01-01", "!!binary aGk=", ".nan", "[]", "{}", '"a\\0b"', "9" * 400, "1e400"])
def test_values_of_another_kind_are_one_line_with_their_place(tmp_path, value):
    path = tmp_path / "c.yaml"
    for key in ("steps", "data", "out", "lr", "task"):
        path.write_text(f"{key}: {value}\n")
        line = what_is_said(path)
        assert "\n" not in line
        assert not line or "c.yaml" in line


def what_is_said(path) -> str:
    try:
        resolve(TRAIN_SCHEMA, Registry.open(), yaml_file=path)
    except UserError as error:
        return str(error)
    return ""


def test_a_file_without_an_end_is_not_read_to_its_end():
    with pytest.raises(UserError):
        read_file("/dev/zero")
