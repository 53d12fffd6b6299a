"""A saved configuration, read again, is the configuration."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from valle_core.config.save import plain, save, to_yaml
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


def test_what_was_saved_resolves_to_an_equal_configuration(read):
    text = "arch: {name: acme:net, d_model: 3, hidden_size: null}\nsampler: [{name: top_k, k: 5}, warm]\nrate: 1e-5"
    resolved = read(text, sets=["levels=[1]"], flags=[("title", "yes: #no"), ("seed", "3"), ("compile", True)])
    again = read(to_yaml(resolved))
    assert again == resolved
    assert to_yaml(again) == to_yaml(resolved)


def test_empty_slots_survive(read):
    resolved = read("arch: null\nsampler: []")
    assert read(to_yaml(resolved)) == resolved


def test_everything_is_written_defaults_too(read):
    tree = yaml.safe_load(to_yaml(read()))
    assert tree["arch"] == {"name": "net", "d_model": 8, "dropout": 0.0, "hidden_size": None, "memory": "spread"}
    assert tree["nar_sampler"] == [{"name": "top_k", "k": 3}, {"name": "greedy"}]
    assert tree["steps"] == 100
    assert tree["model"] == {"sum_embeddings": False, "width": 4}


class Colour(enum.Enum):
    RED = "red"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rich:
    where: Path = Path("a/b")
    colour: Colour = Colour.RED
    rate: float = 1e-7
    pairs: tuple[tuple[int, float], ...] = ((1, 0.5),)
    limits: dict[str, int] | None = None
    huge: float = float("inf")


def test_paths_enumerations_and_nested_lists_survive(read):
    schema = Schema((), (Section("rich", Rich),))
    resolved = read(sets=["rich.where=/x y", "rich.limits={a: 1}", "rich.pairs=[[2, 3]]"], schema=schema)
    assert resolved.sections["rich"] == Rich(where=Path("/x y"), limits={"a": 1}, pairs=((2, 3.0),))
    assert read(to_yaml(resolved), schema=schema) == resolved


def test_a_value_that_yaml_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="complex cannot be written"):
        plain({"x": 1j})


def test_saving_replaces_the_file_at_once_and_leaves_nothing_beside_it(read, tmp_path):
    target = tmp_path / "out" / "config.yaml"
    target.parent.mkdir()
    target.write_text("old")
    save(read(), target)
    assert target.read_text() == to_yaml(read())
    assert [file.name for file in target.parent.iterdir()] == ["config.yaml"]


def test_a_failed_save_leaves_the_old_file(read, tmp_path, monkeypatch):
    target = tmp_path / "config.yaml"
    target.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="no space left"):
        save(read(), target)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]
