"""A section whose own key is one of its options: `--data X`, `data: X`, `data: {path: X}`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from valle_core.config.resolve import resolve
from valle_core.config.save import to_yaml
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Data:
    path: str = ""
    noise: str = ""


SCHEMA = Schema(sections=(Section("data", Data, main="path"),))


class Nobody:
    def select(self, kind, name):
        raise AssertionError


def read(tmp_path, text="", **how):
    (tmp_path / "c.yaml").write_text(text or "{}")
    return resolve(SCHEMA, Nobody(), yaml_file=tmp_path / "c.yaml", **how).sections["data"]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("data: x", {}),
        ("data: {path: x}", {}),
        ("data: {path: y}", {"flags": [("data", "x")]}),
        ("data: y", {"sets": ["data=x"]}),
        ("data: y", {"sets": ["data.path=x"]}),
    ],
)
def test_every_way_to_write_it_means_the_same(tmp_path, text, how):
    assert read(tmp_path, text, **how) == Data(path="x")


def test_the_other_options_stay(tmp_path):
    assert read(tmp_path, "data: {noise: n}", flags=[("data", "x")]) == Data(path="x", noise="n")
    assert read(tmp_path, "data: x", flags=[("data.noise", "n")]) == Data(path="x", noise="n")


def test_what_is_saved_reads_the_same(tmp_path):
    resolved = resolve(SCHEMA, Nobody(), sets=["data=x", "data.noise=n"])
    assert read(tmp_path, to_yaml(resolved)) == Data(path="x", noise="n")


def test_wrong_values_are_refused_with_their_place(tmp_path):
    with pytest.raises(UserError, match=r"c\.yaml:1: data: expected options below it"):
        read(tmp_path, "data: [a, b]")
    with pytest.raises(UserError, match=r"unknown key 'data\.noize'.*noise"):
        read(tmp_path, "data: {noize: n}")
    with pytest.raises(UserError, match=r"c\.yaml:1: data\.path: expected"):
        read(tmp_path, "data: true")
