"""The classes that Python users import: those of the specs, no other, and none before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
import valle_samplers
from valle_samplers import plugin

from valle_core.plugin import PluginSpec

SPECS = [spec for spec in vars(plugin).values() if isinstance(spec, PluginSpec)]


def test_every_sampler_is_a_public_class():
    assert SPECS
    assert sorted(spec.options.partition(":")[2] for spec in SPECS) == valle_samplers.__all__ == dir(valle_samplers)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_public_class_is_the_one_that_its_spec_names(spec):
    module, _, name = spec.options.partition(":")
    found = getattr(valle_samplers, name)
    assert (found.__module__, found.__name__) == (module, name)


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'TopK2'"):
        _ = valle_samplers.TopK2


def test_importing_the_package_and_its_specs_imports_no_torch():
    code = "import sys, valle_samplers.plugin; print({'torch', 'numpy', 'valle_samplers.top_k'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
