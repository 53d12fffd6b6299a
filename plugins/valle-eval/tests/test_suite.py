"""Every metric keeps the contract of its kind where its package is installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from valle_eval import plugin

from valle_core.plugin import PluginSpec
from valle_core.registry.loading import load
from valle_testing import suite

SPECS = [spec for spec in vars(plugin).values() if isinstance(spec, PluginSpec)]
CASES = [(spec, check.__name__) for spec in SPECS for check in suite.checks_of("metric", spec)]
MAY_SKIP = {
    "moves_the_right_way": ("pace",),
    "refuses_a_clip_that_lacks_what_it_needs": ("pace", "distillmos", "dnsmos"),
}
"""Checks that say nothing of a metric whose figures have no good direction, or that needs nothing beside the sound."""


def test_all_metrics_are_tried():
    assert len(SPECS) == 12


@pytest.mark.parametrize(("spec", "check"), CASES, ids=[f"{spec.name}-{check}" for spec, check in CASES])
def test_it_conforms(spec, check):
    lacking = [one for one in spec.requires if find_spec(one.module) is None]
    if lacking:
        pytest.skip(f"needs {', '.join(one.module for one in lacking)}: {lacking[0].hint}")

    def made():
        return load(spec.factory)(load(spec.options)(), device=torch.device("cpu"))

    (outcome,) = suite.run("metric", made, spec=spec, only=(check,)).outcomes
    wanted = "skipped" if spec.name in MAY_SKIP.get(check, ()) else "passed"
    assert outcome.verdict == wanted, f"{outcome.found}\ncontract: {outcome.contract}"
