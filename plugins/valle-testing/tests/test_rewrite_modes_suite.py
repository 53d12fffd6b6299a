"""The suite of rewrites catches those that freeze, thaw or change the mode."""

from __future__ import annotations

from torch import nn

from valle_core.plugin import PluginSpec
from valle_testing import planted
from valle_testing.fakes.rewrite import FakeRewrite

SPEC = PluginSpec(
    kind="rewrite", name="r", api=1, summary="", factory="a:b", options="a:c", capabilities=frozenset({"trainable"})
)


def after(change):
    """A rewrite that does something to what it gives back."""

    class Faulty(FakeRewrite):
        def apply(self, backbone):
            backbone = super().apply(backbone)
            change(backbone)
            return backbone

    return Faulty


def norms_are_frozen(backbone):
    for part in backbone.modules():
        if isinstance(part, nn.LayerNorm):
            part.requires_grad_(False)


def the_last_norm_is_frozen(backbone):
    backbone.norm.requires_grad_(False)


def everything_is_thawed(backbone):
    backbone.requires_grad_(True)


def it_is_left_in_eval_mode(backbone):
    backbone.eval()


def it_is_left_in_training_mode(backbone):
    backbone.train()


def only_the_root_is_in_eval_mode(backbone):
    backbone.training = False


def new_layers_are_in_training_mode(backbone):
    for part in backbone.modules():
        if hasattr(part, "gain"):
            part.train()


FREEZES, MODE = "freezes_nothing_and_thaws_nothing", "keeps_the_mode"
FAULTS = {
    norms_are_frozen: (after, FREEZES),
    the_last_norm_is_frozen: (after, FREEZES),
    everything_is_thawed: (after, FREEZES),
    it_is_left_in_eval_mode: (after, MODE),
    it_is_left_in_training_mode: (after, MODE),
    only_the_root_is_in_eval_mode: (after, MODE),
    new_layers_are_in_training_mode: (after, MODE),
}
CASES = planted.cases("rewrite", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)
