"""The suite of backbones, for every form, with experts, and through transformers."""

from __future__ import annotations

import pytest
from valle_retnet.factory import build, build_hf
from valle_retnet.options import RetNetOptions
from valle_retnet.plugin import HF_SPEC, SPEC

from valle_testing import suite

SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "ffn_dim": 48, "dropout": 0.3, "max_length": 24, "chunk_size": 5}


COMPILES = ("compiles_without_a_difference",)


def small(**settings):
    return lambda **changes: build(RetNetOptions(**SMALL | settings | changes))


def small_hf(**changes):
    return build_hf(RetNetOptions(**SMALL | changes))


test_auto_conforms = suite.conformance("arch", small(), spec=SPEC, slow=COMPILES)
test_retnet_hf_conforms = suite.conformance("arch", small_hf, spec=HF_SPEC, slow=COMPILES)


@pytest.mark.parametrize("changes", [{"form": "parallel"}, {"form": "chunkwise"}, {"form": "recurrent"},
                                     {"n_experts": 4}, {"n_experts": 3, "experts_per_token": 1}], ids=str)  # fmt: skip
def test_other_settings_conform(changes):
    names = {check.__name__ for check in suite.checks_of("arch", SPEC)}
    report = suite.run("arch", small(**changes), spec=SPEC, only=names - set(COMPILES))
    assert report.ok, report.table()


def test_through_transformers_it_declares_the_same():
    assert SPEC.capabilities == HF_SPEC.capabilities
