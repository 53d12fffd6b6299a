"""A reference is named by a string until a benchmark wants it."""

from __future__ import annotations

import pytest

from valle_bench.reference import references_of
from valle_core.plugin import ReferenceSpec, Requirement, UserError
from valle_core.registry.registry import Registry


def spec(**changes) -> ReferenceSpec:
    given = {"name": "theirs", "api": 1, "summary": "s", "bench": "arch", "part": "ours", "loads": "builtins:repr"}
    return ReferenceSpec(**given | changes)


def test_what_makes_it_is_imported_when_it_is_loaded_and_gets_ours():
    assert spec().load(3) == "3"
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        spec(loads="nowhere:made").load(3)


def test_a_missing_module_is_named_with_what_installs_it():
    needed = (Requirement(module="json", hint="-"), Requirement(module="no_such_module", hint="pip install theirs"))
    with pytest.raises(UserError, match=r"^theirs needs no_such_module\. Install it with: pip install theirs$"):
        spec(requires=needed).load(3)


def test_those_of_the_benchmark_and_the_part_are_found_by_being_installed():
    registry = Registry.open()
    assert [one.name for one in references_of(registry, "arch", "retnet")] == ["torchscale-retnet"]
    assert [one.name for one in references_of(registry, "codec", "dac")] == ["descript-audio-codec", "transformers-dac"]
    assert [one.name for one in references_of(registry, "decode")] == ["draft-decode", "llama-decode", "onnx-decode"]
    assert references_of(registry, "arch", "nobody") == []
