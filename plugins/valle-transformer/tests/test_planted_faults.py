"""The suite of backbones catches faults planted in copies of this one: masks and layers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from valle_transformer.backbone import TransformerBackbone
from valle_transformer.layers import Attention, Layer
from valle_transformer.options import TransformerOptions
from valle_transformer.plugin import SPEC
from valle_transformer.positions import SinusoidalPositions

from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack import stack as module
from valle_testing import planted
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.arch import checks as arch

MASKS_AND_LAYERS = (*arch.FORWARD_CHECKS, *arch.MASK_CHECKS)
SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24}


def made(kernel=None, made_of=TransformerBackbone):
    """A function that builds a small backbone with a (faulty) kernel."""
    return lambda **changes: made_of(TransformerOptions(**SMALL | changes), kernel or RuleKernel())


class Changed(RuleKernel):
    """Reads rows with their mask changed."""

    def __init__(self, change):
        self.change = change

    def __call__(self, q, k, v, mask, *, scale=None):
        return super().__call__(q, k, v, self.change(mask) if isinstance(mask, SequenceMask) else mask)


def changed(**changes):
    kernel = Changed(lambda mask: replace(mask, **{name: change(mask) for name, change in changes.items()}))
    return lambda patch: made(kernel)


def forward(change):
    """Plants it around forward: `change(original, backbone, x, mask, positions, how)`."""

    class Faulty(TransformerBackbone):
        def forward(self, x, mask, positions, **how):
            return change(super().forward, self, x, mask, positions, how)

    return lambda patch: made(made_of=Faulty)


def silent(word):
    """Takes a mask form that it does not declare, and answers."""

    class Fewer(RuleKernel):
        capabilities = RuleKernel.capabilities - {word}

        def __call__(self, q, k, v, mask, *, scale=None):
            if word == "prefix":
                return super().__call__(q, k, v, mask)
            return super().__call__(q, k, v, replace(mask, **{word: None}) if isinstance(mask, SequenceMask) else mask)

    return lambda patch: made(Fewer())


the_next_position_is_seen = changed(query_start=lambda mask: mask.query_start + 1)
the_prefix_is_one_short = changed(
    prefix=lambda mask: torch.where(mask.prefix < mask.lengths, mask.prefix - 1, mask.prefix)
)
the_window_is_one_too_wide = changed(window=lambda mask: mask.window and mask.window + 1)


def the_first_row_decides_for_the_batch(patch):
    def first(mask):
        full = len(mask.prefix) > 0 and bool(mask.prefix[0])
        return replace(mask, prefix=mask.lengths if full else torch.zeros_like(mask.prefix))

    return made(Changed(first))


def padding_is_attended(patch):
    class Whole(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            if isinstance(mask, SequenceMask):
                whole = torch.full_like(mask.lengths, k.shape[2])
                mask = replace(mask, lengths=whole, prefix=torch.where(mask.prefix > 0, whole, 0))
            return super().__call__(q, k, v, mask)

    patch.setattr(module, "padding", lambda mask, T: torch.zeros(1, T, 1, dtype=torch.bool))
    return made(Whole())


def empty_rows_give_nan(patch):
    class Divides(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            out = super().__call__(q, k, v, mask)
            return out / mask.lengths.clamp(max=1)[:, None, None, None] if isinstance(mask, SequenceMask) else out

    return made(Divides())


def heads_attend_across_heads(patch):
    """Attention over the head axis: heads and positions not transposed."""

    class Across(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            weights = (q.transpose(1, 2) @ k.transpose(1, 2).mT).softmax(-1)
            return (weights @ v.transpose(1, 2)).transpose(1, 2)

    return made(Across())


def segments_are_one_row(patch):
    class One(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            packed = isinstance(mask, PackedMask)
            return super().__call__(q, k, v, SequenceMask.causal(torch.tensor([q.shape[2]])) if packed else mask)

    return made(One())


def rows_meet_in_a_mean(patch):
    """A statistic of the whole batch carries one row's NaN to the others."""
    original = Attention.forward
    patch.setattr(Attention, "forward", lambda self, x, *rest: original(self, x, *rest) + 0 * x.mean())
    return made()


def states_are_normalised_over_the_batch(patch):
    original = Attention.forward
    patch.setattr(Attention, "forward", lambda self, x, *rest: original(self, x - 0.1 * x.mean(0, keepdim=True), *rest))
    return made()


@forward
def positions_are_added_by_every_call(run, self, x, mask, positions, how):
    later = how.get("layers") is not None and 0 not in how["layers"]
    return run(self.positions(x, positions) if later else x, mask, positions, **how)


@forward
def every_layer_runs_whatever_is_asked(run, self, x, mask, positions, how):
    return run(x, mask, positions, **how | {"layers": how.get("layers") and range(self.n_layers)})


@forward
def what_is_kept_is_the_last_state(run, self, x, mask, positions, how):
    out = run(x, mask, positions, **how)
    return replace(out, kept=dict.fromkeys(out.kept, out.h))


@forward
def states_come_back_in_64_bits(run, self, x, mask, positions, how):
    out = run(x, mask, positions, **how)
    return replace(out, h=out.h.double())


@forward
def the_input_is_added_to_in_place(run, self, x, mask, positions, how):
    with torch.no_grad():
        x.add_(1e-3)
    return run(x, mask, positions, **how)


@forward
def positions_wrap_past_the_maximum(run, self, x, mask, positions, how):
    self._check_length = lambda length: None
    return run(x, mask, positions % self.max_length, **how)


def mixed_is_not_among_the_forms(patch):
    patch.setattr(module, "ALWAYS", frozenset({"causal", "full", "packed"}))
    return made()


def packed_is_not_among_the_forms(patch):
    patch.setattr(module, "ALWAYS", frozenset({"causal", "full", "mixed"}))
    return made()


def dropout_stays_on(patch):
    patch.setattr(Layer, "_drop", lambda self, x: functional.dropout(x, 0.1))
    return made()


def a_matrix_is_never_used(patch):
    def build(**changes):
        backbone = made()(**changes)
        backbone.spare = nn.Linear(4, 4)
        return backbone

    return build


def the_gradient_of_values_is_lost(patch):
    class Lost(RuleKernel):
        def __call__(self, q, k, v, mask, *, scale=None):
            return super().__call__(q.detach(), k.detach(), v.detach(), mask)

    return made(Lost())


def long_rows_are_taken(patch):
    patch.setattr(TransformerBackbone, "_check_length", lambda self, length: None)
    patch.setattr(SinusoidalPositions, "forward", lambda self, x, positions: x)
    return made()


FAULTS = {
    "mixed is not among the forms": (mixed_is_not_among_the_forms, "states_its_facts"),
    "states come back in 64 bits": (states_come_back_in_64_bits, "states_its_facts"),
    "every row is full": (changed(prefix=lambda mask: mask.lengths), "causal_rows_never_see_the_future"),
    "the next position is seen": (the_next_position_is_seen, "causal_rows_never_see_the_future"),
    "heads attend across heads": (heads_attend_across_heads, "causal_rows_never_see_the_future"),
    "NAR rows run causally": (changed(prefix=lambda mask: torch.zeros_like(mask.prefix)), "full_rows_see_the_future"),
    "padding is attended": (padding_is_attended, "keeps_padding_out"),
    "the first row decides for the batch": (the_first_row_decides_for_the_batch, "equals_rows_one_by_one"),
    "states are normalised over the batch": (states_are_normalised_over_the_batch, "equals_rows_one_by_one"),
    "rows meet in a mean": (rows_meet_in_a_mean, "keeps_rows_apart"),
    "empty rows give NaN": (empty_rows_give_nan, "takes_empty_rows"),
    "segments are one row": (segments_are_one_row, "packed_equals_separate"),
    "packed segments are undeclared and taken": (packed_is_not_among_the_forms, "packed_equals_separate"),
    "dropout stays on": (dropout_stays_on, "has_no_dropout_in_eval"),
    "a matrix is never used": (a_matrix_is_never_used, "trains_every_parameter"),
    "the gradient of values is lost": (the_gradient_of_values_is_lost, "trains_every_parameter"),
    "the input is added to in place": (the_input_is_added_to_in_place, "writes_nothing"),
    "positions are added by every call": (positions_are_added_by_every_call, "runs_an_ordered_subset_of_layers"),
    "every layer runs whatever is asked": (every_layer_runs_whatever_is_asked, "runs_an_ordered_subset_of_layers"),
    "what is kept is the last state": (what_is_kept_is_the_last_state, "runs_an_ordered_subset_of_layers"),
    "long rows are taken": (long_rows_are_taken, "refuses_rows_longer_than_max_length"),
    "positions wrap past the maximum": (positions_wrap_past_the_maximum, "refuses_rows_longer_than_max_length"),
    "the promise of full rows changes the answer": (
        changed(prefix=lambda mask: torch.zeros_like(mask.prefix) if mask.form == "full" else mask.prefix),
        "takes_the_forms_it_declares",
    ),
    "the prefix is one short": (the_prefix_is_one_short, "sees_the_prefix_and_what_came_before"),
    "prefix rows are undeclared and taken": (silent("prefix"), "sees_the_prefix_and_what_came_before"),
    "the window is one too wide": (the_window_is_one_too_wide, "sees_as_far_as_the_window"),
    "the window is forgotten": (changed(window=lambda mask: None), "sees_as_far_as_the_window"),
    "a window is undeclared and taken": (silent("window"), "sees_as_far_as_the_window"),
    "siblings see each other": (changed(tree=lambda mask: None), "drafts_see_their_own_branch"),
    "a tree is undeclared and taken": (silent("tree"), "drafts_see_their_own_branch"),
}
"""What is wrong → a function of `monkeypatch` that gives the builder, the check that must see it, another spec."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault, monkeypatch, record_property):
    plant, check, *spec = FAULTS[fault]
    ((_, case),) = planted.cases("arch", {fault: (plant(monkeypatch), check, *spec)}, spec=SPEC).items()
    assert case.caught(record_property)


def test_every_check_of_masks_and_layers_has_a_fault():
    assert {check for _, check in FAULTS.values()} == {check.__name__ for check in MASKS_AND_LAYERS}
