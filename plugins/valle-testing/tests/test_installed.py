"""How an installed plugin is handed to the suite of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from valle_core.registry.registry import Registry
from valle_testing import installed, suite
from valle_testing.installed import GIVEN, check_plugin
from valle_testing.kinds import every_kind


def test_the_table_names_only_kinds():
    assert GIVEN.keys() < {row.name for row in [row for row in every_kind() if row.suite]}


@pytest.mark.parametrize("name", ["llama", "transformer"])
def test_a_backbone_is_built_small_with_options_changed_and_every_mask_form(name):
    selected = Registry.open().select("arch", name)
    ((build,), how) = GIVEN["arch"](selected, "cpu")
    assert (build().d_model, build(n_layers=2).n_layers, how) == (32, 2, {})
    assert build().mask_forms >= {"prefix", "window", "tree"}


def test_a_kind_without_a_row_is_built_from_its_options(monkeypatch):
    seen = []
    monkeypatch.setattr(suite, "run", lambda kind, *given, **how: seen.append((kind, given, how)))
    check_plugin(Registry.open(), "task", "tts")
    ((kind, (build,), how),) = seen
    assert kind == "task"
    assert build().output == "codes"
    assert how["spec"].name == "tts"


@dataclass(frozen=True)
class Fetched:
    weights: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Shipped:
    weights: str = ""


@pytest.mark.parametrize(("options", "weights"), [(Fetched, "random"), (Shipped, "")])
def test_weights_that_would_be_fetched_are_random_and_shipped_ones_are_used(monkeypatch, options, weights):
    monkeypatch.setattr(installed, "build", lambda selected, built, *, device: built)
    ((made,), _) = installed.GIVEN["codec"](SimpleNamespace(options_type=lambda: options), "cpu")  # type: ignore
    assert made().weights == weights
