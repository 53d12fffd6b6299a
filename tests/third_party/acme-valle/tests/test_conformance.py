"""Both plugins against the suites of valle-core; runs with nothing of valle installed but that."""

from __future__ import annotations

from acme_valle import plugin
from acme_valle.backbone import build
from acme_valle.eta import Eta
from acme_valle.options import RetentionOptions

from valle_testing import suite

SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3}

test_retention_conforms = suite.conformance(
    "arch", lambda **changes: build(RetentionOptions(**SMALL | changes), attention=None), spec=plugin.RETENTION
)
test_eta_conforms = suite.conformance("sampler", Eta, spec=plugin.ETA)
test_a_strict_eta_conforms = suite.conformance("sampler", lambda: Eta(epsilon=0.4), spec=plugin.ETA)
