"""A peer is named by a string until the benchmark wants it."""

from __future__ import annotations

import pytest

from valle_bench.peer import CodecPeerCase, PeerCase
from valle_core.plugin import PeerSpec, Requirement, UserError


def test_what_makes_the_peer_is_imported_when_it_is_loaded_and_gets_ours():
    spec = PeerSpec(bench="arch", name="theirs", arch="ours", loads="builtins:repr")
    assert spec.load(3) == "3"
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        PeerSpec(bench="arch", name="theirs", arch="ours", loads="nowhere:made").load(3)


def test_a_missing_module_is_named_with_what_installs_it():
    needed = (Requirement(module="json", hint="-"), Requirement(module="no_such_module", hint="pip install theirs"))
    spec = PeerSpec(bench="arch", name="theirs", arch="ours", loads="builtins:repr", requires=needed)
    with pytest.raises(UserError, match=r"^theirs needs no_such_module\. Install it with: pip install theirs$"):
        spec.load(3)


def test_it_is_a_case_of_both_benchmarks():
    spec = PeerSpec(bench="codec", name="theirs", codec="ours", loads="builtins:repr")
    assert isinstance(spec, PeerCase)
    assert isinstance(spec, CodecPeerCase)
