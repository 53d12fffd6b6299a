"""The page of this distribution names every sampler with each of its options."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path

import pytest
from valle_samplers import plugin

SPECS = [value for name, value in vars(plugin).items() if name.isupper()]
ROWS = {
    line.split("`")[1]: line
    for line in (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
}


def test_the_page_names_the_samplers_there_are() -> None:
    assert sorted(ROWS) == sorted(spec.name for spec in SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_row_names_every_option(spec: plugin.PluginSpec) -> None:
    module, _, attribute = spec.options.partition(":")
    options = getattr(importlib.import_module(module), attribute)
    missing = [field.name for field in dataclasses.fields(options) if f"`{field.name}`" not in ROWS[spec.name]]
    assert not missing
