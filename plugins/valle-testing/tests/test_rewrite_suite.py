"""The suite of rewrites catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from valle_core.plugin import PluginSpec
from valle_testing import planted, suite
from valle_testing.fakes.rewrite import FakeRewrite, Rounded
from valle_testing.suites.rewrite import checks as rewrite
from valle_testing.suites.rewrite.modes import MODE_CHECKS

SPEC = PluginSpec(
    kind="rewrite",
    name="rounded",
    api=1,
    summary="",
    factory="a:b",
    options="a:c",
    capabilities=frozenset({"trainable"}),
)


def layer(**changes):
    """A rewrite whose layers differ in these methods."""
    return type("Faulty", (FakeRewrite,), {"layer": type("FaultyLayer", (Rounded,), changes)})


def applying(change):
    """A rewrite that also does something to the backbone before: `change(rewrite, backbone)`."""

    class Faulty(FakeRewrite):
        def apply(self, backbone):
            change(self, backbone)
            return super().apply(backbone)

    return Faulty


def naming(change):
    """A rewrite that names other targets: `change(names)`."""

    class Faulty(FakeRewrite):
        def targets(self, backbone):
            return change(super().targets(backbone))

        def apply(self, backbone):
            good = FakeRewrite()
            good.layer = self.layer
            return good.apply(backbone)

    return Faulty


def targets_are_replaced_when_asked():
    class Faulty(FakeRewrite):
        def targets(self, backbone):
            names = super().targets(backbone)
            for name in names:
                backbone.set_submodule(name, Rounded(backbone.get_submodule(name)))
            return names

    return Faulty


def the_last_target_stays():
    class Faulty(FakeRewrite):
        def apply(self, backbone):
            names = self.targets(backbone)
            last = backbone.get_submodule(names[-1]) if names else None
            backbone = super().apply(backbone)
            backbone.set_submodule(names[-1], last)
            return backbone

    return Faulty


def norms_are_reset(rewrite, backbone):
    for part in backbone.modules():
        if isinstance(part, nn.LayerNorm):
            part.weight.data.fill_(0.5)


def the_last_norm_is_dropped(rewrite, backbone):
    if rewrite.targets(backbone):
        backbone.norm = nn.Identity()


def the_bound_is_forgotten(rewrite, backbone):
    backbone.max_length = 1000


def it_computes_in_float32():
    def __init__(self, linear):
        Rounded.__init__(self, linear)
        self.float()

    def forward(self, x):
        return Rounded.forward(self, x.float()).to(x.dtype)

    return layer(__init__=__init__, forward=forward)


def states_come_in_float32():
    class Faulty(FakeRewrite):
        def apply(self, backbone):
            backbone = super().apply(backbone)
            finish = backbone.finish
            backbone.finish = lambda h: finish(h).float()
            return backbone

    return Faulty


def a_plain_tensor_stays_behind():
    """The gain is no buffer, so it is left in the old dtype."""

    def __init__(self, linear):
        Rounded.__init__(self, linear)
        del self.gain
        self.gain = torch.ones(1, dtype=linear.weight.dtype)

    return layer(__init__=__init__)


def it_remembers_how_often_it_was_applied():
    class Faulty(FakeRewrite):
        def __init__(self):
            self.times = 0

        def apply(self, backbone):
            self.times += 1
            backbone = super().apply(backbone)
            for part in backbone.modules():
                if isinstance(part, Rounded):
                    part.gain.fill_(self.times)
            return backbone

    return Faulty


def one_gain_for_all():
    class Faulty(FakeRewrite):
        def __init__(self):
            self.gain = torch.ones((), dtype=torch.float64)

        def apply(self, backbone):
            backbone = super().apply(backbone)
            for part in backbone.modules():
                if isinstance(part, Rounded):
                    part.gain = self.gain.to(part.gain)
            return backbone

    return Faulty


def the_gain_is_not_saved():
    def __init__(self, linear):
        Rounded.__init__(self, linear)
        self.register_buffer("gain", self.gain, persistent=False)

    return layer(__init__=__init__)


def nothing_to_do_is_fine():
    class Faulty(FakeRewrite):
        def apply(self, backbone):
            return super().apply(backbone) if self.targets(backbone) else backbone

    return Faulty


def nothing_to_do_is_a_key_error():
    class Faulty(FakeRewrite):
        def apply(self, backbone):
            if not self.targets(backbone):
                raise KeyError("linear")
            return super().apply(backbone)

    return Faulty


def rounding_stops_the_gradient():
    def forward(self, x):
        return self.gain * F.linear(x.detach(), self.weight, self.bias)

    return layer(forward=forward)


def nothing_can_be_trained():
    def __init__(self, linear):
        Rounded.__init__(self, linear)
        self.requires_grad_(False)

    return layer(__init__=__init__)


FAULTS = {
    "it names nothing": (naming(lambda names: []), "names_its_targets"),
    "a target stands twice": (naming(lambda names: [*names, *names[:1]]), "names_its_targets"),
    "a target is a parameter": (naming(lambda names: [f"{name}.weight" for name in names]), "names_its_targets"),
    "targets are replaced when asked": (targets_are_replaced_when_asked(), "names_its_targets"),
    "the last target stays": (the_last_target_stays(), "replaces_its_targets"),
    "it names half of what it replaces": (naming(lambda names: names[::2]), "leaves_the_rest_alone"),
    norms_are_reset: (applying, "leaves_the_rest_alone"),
    the_last_norm_is_dropped: (applying, "leaves_the_rest_alone"),
    the_bound_is_forgotten: (applying, "keeps_facts_and_dtypes"),
    "it computes in float32": (it_computes_in_float32(), "keeps_facts_and_dtypes"),
    "states come in float32": (states_come_in_float32(), "keeps_facts_and_dtypes"),
    "a plain tensor stays behind": (a_plain_tensor_stays_behind(), "moves_with_the_backbone"),
    "it remembers how often it was applied": (it_remembers_how_often_it_was_applied(), "repeats_itself"),
    "one gain for all": (one_gain_for_all(), "shares_nothing"),
    "the gain is not saved": (the_gain_is_not_saved(), "weights_go_from_one_application_to_another"),
    "nothing to do is fine": (nothing_to_do_is_fine(), "refuses_a_backbone_with_nothing_to_replace"),
    "nothing to do is a KeyError": (nothing_to_do_is_a_key_error(), "refuses_a_backbone_with_nothing_to_replace"),
    "rounding stops the gradient": (rounding_stops_the_gradient(), "passes_gradients_on"),
    "the bias is dropped": (layer(forward=lambda self, x: F.linear(x, self.weight)), "trains_as_declared"),
    "nothing can be trained": (nothing_can_be_trained(), "trains_as_declared"),
    "a word is misspelt": (FakeRewrite, "declares_words_of_its_kind", replace(SPEC, capabilities=frozenset({"train"}))),
}
"""Fault → how it is planted, the check that must see it, the spec where it is another."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("rewrite", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_rewrite_passes():
    report = suite.run("rewrite", FakeRewrite, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("rewrite", SPEC))


def test_a_rewrite_that_gives_a_copy_passes():
    class Copying(FakeRewrite):
        def apply(self, backbone):
            return super().apply(copy.deepcopy(backbone))

    report = suite.run("rewrite", Copying)
    assert report.ok, report.table()


def test_every_check_has_a_fault():
    own = [check for check in suite.checks_of("rewrite", SPEC) if check not in (*rewrite.KEPT, *MODE_CHECKS)]
    assert {fault.check for fault in CASES.values()} | PROCESS == {check.__name__ for check in own}


@pytest.mark.parametrize(
    ("build", "capabilities", "found"),
    [
        (nothing_can_be_trained(), {"trainable"}, "has nothing to train"),
        (
            layer(forward=lambda self, x: x[..., :1].expand(*x.shape[:-1], self.out_features)),
            {"trainable"},
            "gets no gradient",
        ),
        (FakeRewrite, set(), "can be trained"),
    ],
)
def test_what_the_spec_says_about_training_is_compared(build, capabilities, found):
    spec = PluginSpec(
        kind="rewrite", name="x", api=1, summary="", factory="a:b", options="a:c", capabilities=frozenset(capabilities)
    )
    (outcome,) = suite.run("rewrite", build, spec=spec, only=("trains_as_declared",)).outcomes
    assert outcome.verdict == "failed"
    assert found in outcome.found
