"""The suite of backbones catches faults planted in copies of this one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from valle_transformer import backbone as module
from valle_transformer.backbone import TransformerBackbone
from valle_transformer.cache import KeyValueCache
from valle_transformer.layers import Attention, Layer
from valle_transformer.options import TransformerOptions
from valle_transformer.positions import SinusoidalPositions

from valle_core.testing import arch
from valle_core.types import PackedMask, SequenceMask


def dense(q, k, v, mask, *, scale=None):
    """Attention by a dense mask."""
    seen = visible(mask, q.shape[2], k.shape[2])[:, None]
    weights = (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~seen, -1e30).softmax(-1)
    return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def visible(mask, Tq, Tk):
    j = torch.arange(Tk)
    if isinstance(mask, PackedMask):
        segment = torch.searchsorted(mask.offsets, j, right=True) - 1
        inside = j < mask.offsets[segment] + mask.prefix[segment]
        return ((segment[:, None] == segment) & (inside | (j <= j[:, None])))[None]
    p = (mask.query_start[:, None] + torch.arange(Tq))[..., None]
    lengths = mask.lengths[:, None, None]
    return (j < lengths) & (p < lengths) & ((j < mask.prefix[:, None, None]) | (j <= p))


def build(kernel=dense, **changes):
    options = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24} | changes
    return TransformerBackbone(TransformerOptions(**options), kernel)


def changed_mask(**changes):
    """A kernel that reads rows with parts of their mask replaced."""

    def kernel(q, k, v, mask, *, scale=None):
        if isinstance(mask, SequenceMask):
            mask = replace(mask, **{name: change(mask) for name, change in changes.items()})
        return dense(q, k, v, mask)

    return kernel


def nar_rows_run_causally(patch):
    return build(changed_mask(prefix=lambda mask: torch.zeros_like(mask.prefix)))


def every_row_is_full(patch):
    return build(changed_mask(prefix=lambda mask: mask.lengths))


def the_first_row_decides_for_the_batch(patch):
    def kernel(q, k, v, mask, *, scale=None):
        if isinstance(mask, SequenceMask) and len(mask.prefix):
            full = bool(mask.prefix[0])
            mask = replace(mask, prefix=mask.lengths if full else torch.zeros_like(mask.prefix))
        return dense(q, k, v, mask)

    return build(kernel)


def padding_is_attended(patch):
    def kernel(q, k, v, mask, *, scale=None):
        if isinstance(mask, SequenceMask):
            whole = torch.full_like(mask.lengths, k.shape[2])
            mask = replace(mask, lengths=whole, prefix=torch.where(mask.prefix > 0, whole, 0))
        return dense(q, k, v, mask)

    patch.setattr(module, "_padding", lambda mask, T: torch.zeros(1, T, 1, dtype=torch.bool))
    return build(kernel)


def empty_rows_give_nan(patch):
    def kernel(q, k, v, mask, *, scale=None):
        seen = visible(mask, q.shape[2], k.shape[2])[:, None]
        return (q @ k.mT * q.shape[-1] ** -0.5).masked_fill(~seen, -torch.inf).softmax(-1) @ v

    return build(kernel)


def heads_attend_across_heads(patch):
    """Attention over the head axis: heads and positions not transposed."""

    def kernel(q, k, v, mask, *, scale=None):
        weights = (q.transpose(1, 2) @ k.transpose(1, 2).mT).softmax(-1)
        return (weights @ v.transpose(1, 2)).transpose(1, 2)

    return build(kernel)


def segments_are_one_row(patch):
    def kernel(q, k, v, mask, *, scale=None):
        if isinstance(mask, PackedMask):
            mask = SequenceMask.causal(torch.tensor([q.shape[2]]))
        return dense(q, k, v, mask)

    return build(kernel)


def positions_count_from_the_start_of_the_call(patch):
    def forward(self, x, positions):
        places = torch.arange(x.shape[1]).expand(x.shape[:2])
        return torch.addcmul(x, functional.embedding(places, self.table), self.scale)

    patch.setattr(SinusoidalPositions, "forward", forward)
    return build()


def positions_are_added_by_every_call(patch):
    original = TransformerBackbone.forward

    def forward(self, x, mask, positions, *, layers=None, **how):
        if layers is not None and 0 not in layers:
            x = self.positions(x, positions)
        return original(self, x, mask, positions, layers=layers, **how)

    patch.setattr(TransformerBackbone, "forward", forward)
    return build()


def dropout_stays_on(patch):
    patch.setattr(Layer, "_drop", lambda self, x: functional.dropout(x, 0.1))
    return build()


def a_matrix_is_never_used(patch):
    backbone = build()
    backbone.spare = nn.Linear(4, 4)
    return backbone


def the_input_is_added_to_in_place(patch):
    original = TransformerBackbone.forward

    def forward(self, x, mask, positions, **how):
        with torch.no_grad():
            x.add_(1e-3)
        return original(self, x, mask, positions, **how)

    patch.setattr(TransformerBackbone, "forward", forward)
    return build()


def long_rows_are_taken(patch):
    patch.setattr(TransformerBackbone, "_refuse_long", lambda self, mask, T: None)
    patch.setattr(SinusoidalPositions, "forward", lambda self, x, positions: x)
    return build()


def select_reorders_lengths_only(patch):
    def select(self, rows):
        self.data = self.data[:, torch.arange(len(rows)) % self.data.shape[1]]
        self.lengths = self.lengths.index_select(0, rows)
        self._measure()

    patch.setattr(KeyValueCache, "select", select)
    return build()


def select_keeps_an_old_bound(patch):
    def select(self, rows):
        self.data = self.data.index_select(1, rows)
        self.lengths = self.lengths.index_select(0, rows)
        self.exact = True

    patch.setattr(KeyValueCache, "select", select)
    return build()


def rewind_forgets_nothing(patch):
    patch.setattr(KeyValueCache, "rewind", lambda self, lengths: None)
    return build()


def padded_places_overwrite_the_last_one(patch):
    original = KeyValueCache.reserve

    def reserve(self, mask, T):
        slots = original(self, mask, T)
        if not isinstance(slots, slice):
            slots = slots[0], torch.minimum(slots[1], (mask.lengths - 1).clamp(min=0)[:, None])
        return slots

    patch.setattr(KeyValueCache, "reserve", reserve)
    return build()


def steps_see_only_themselves(patch):
    original = KeyValueCache.append

    def append(self, layer, kv, slots):
        original(self, layer, kv, slots)
        keys, values = self.data[layer][:, :, :, : self.extent].unbind(1)
        if kv.shape[1] == 1:
            keys = keys.clone()
            keys[:, :, :-1] = 0
        return keys, values

    patch.setattr(KeyValueCache, "append", append)
    return build()


def layers_share_their_cache(patch):
    original = KeyValueCache.append
    patch.setattr(KeyValueCache, "append", lambda self, layer, kv, slots: original(self, 0, kv, slots))
    return build()


def a_full_cache_is_written_past(patch):
    patch.setattr(KeyValueCache, "_extend", lambda self, extent: setattr(self, "extent", min(extent, self.capacity)))
    return build()


def rows_meet_in_a_mean(patch):
    """A statistic of the whole batch carries one row's NaN to the others."""
    original = Attention.forward

    def forward(self, x, *rest):
        return original(self, x, *rest) + 0 * x.mean()

    patch.setattr(Attention, "forward", forward)
    return build()


FAULTS = {
    nar_rows_run_causally: "full_rows_see_the_future",
    every_row_is_full: "causal_rows_never_see_the_future",
    the_first_row_decides_for_the_batch: "equals_rows_one_by_one",
    padding_is_attended: "keeps_padding_out",
    empty_rows_give_nan: "takes_empty_rows",
    heads_attend_across_heads: "causal_rows_never_see_the_future",
    segments_are_one_row: "packed_equals_separate",
    positions_count_from_the_start_of_the_call: "decodes_uniform_rows",
    positions_are_added_by_every_call: "runs_an_ordered_subset_of_layers",
    dropout_stays_on: "has_no_dropout_in_eval",
    a_matrix_is_never_used: "trains_every_parameter",
    the_input_is_added_to_in_place: "writes_nothing",
    long_rows_are_taken: "refuses_rows_longer_than_max_length",
    select_reorders_lengths_only: "decodes_after_select",
    select_keeps_an_old_bound: "decodes_after_select",
    rewind_forgets_nothing: "decodes_after_rewind",
    padded_places_overwrite_the_last_one: "decodes_in_chunks",
    steps_see_only_themselves: "decodes_ragged_rows",
    layers_share_their_cache: "decodes_mixed_rows",
    a_full_cache_is_written_past: "refuses_more_than_the_cache_holds",
    rows_meet_in_a_mean: "keeps_rows_apart",
}
"""Fault → the check that must see it."""

CHECK = {check.__name__: check for check in arch.CHECKS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(fault, monkeypatch):
    backbone = fault(monkeypatch)
    with pytest.raises(AssertionError):
        CHECK[FAULTS[fault]](lambda: backbone)


def test_every_check_but_the_facts_has_a_fault():
    named = set(FAULTS.values())
    left = {check.__name__ for check in arch.CHECKS} - named
    assert left == {"states_its_facts", "takes_the_forms_it_declares", "drafts_and_verifies_on_one_cache"}
