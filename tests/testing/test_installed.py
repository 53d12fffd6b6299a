"""How an installed plugin is handed to the suite of its kind."""

from __future__ import annotations

import pytest

from valle_core.registry.kinds import KINDS
from valle_core.registry.registry import Registry
from valle_core.testing import suite
from valle_core.testing.installed import GIVEN, check_plugin


def test_the_table_names_only_kinds():
    assert GIVEN.keys() < {row.name for row in KINDS}


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
