"""The suite of backbones catches faults planted in copies of this one's cache."""

from __future__ import annotations

import pytest
import torch
from valle_transformer.backbone import TransformerBackbone
from valle_transformer.cache import KeyValueCache
from valle_transformer.options import TransformerOptions
from valle_transformer.plugin import SPEC
from valle_transformer.positions import SinusoidalPositions

from valle_testing import planted
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.arch import checks as arch

SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24}


def build(**changes):
    return TransformerBackbone(TransformerOptions(**SMALL | changes), RuleKernel())


def positions_count_from_the_start_of_the_call(patch):
    original = SinusoidalPositions.forward
    patch.setattr(
        SinusoidalPositions,
        "forward",
        lambda self, x, positions: original(self, x, torch.arange(x.shape[1]).expand(x.shape[:2])),
    )


def select_reorders_lengths_only(patch):
    def select(self, rows):
        self.data = self.data[:, torch.arange(len(rows)) % self.data.shape[1]]
        self.lengths = self.lengths.index_select(0, rows)
        self._measure()

    patch.setattr(KeyValueCache, "select", select)


def select_keeps_an_old_bound(patch):
    def select(self, rows):
        self.data = self.data.index_select(1, rows)
        self.lengths = self.lengths.index_select(0, rows)
        self.exact = True

    patch.setattr(KeyValueCache, "select", select)


def select_keeps_every_row(patch):
    """Narrowed rows stay in memory."""

    def select(self, rows):
        self.data = torch.cat([self.data.index_select(1, rows), self.data], 1)[:, : len(rows)]
        self.lengths = self.lengths.index_select(0, rows)
        self.held = max(getattr(self, "held", 0), self.data.nbytes * 2)
        self._measure()

    patch.setattr(KeyValueCache, "select", select)
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: max(self.data.nbytes, getattr(self, "held", 0))))


def copies_of_a_row_are_one(patch):
    """What one copy appends, the other reads."""
    select, append = KeyValueCache.select, KeyValueCache.append

    def selected(self, rows):
        first = [rows.tolist().index(row) for row in rows.tolist()]
        self.first = torch.tensor(first)
        select(self, rows)

    def appended(self, layer, kv, slots):
        return append(self, layer, kv[self.first] if hasattr(self, "first") else kv, slots)

    patch.setattr(KeyValueCache, "select", selected)
    patch.setattr(KeyValueCache, "append", appended)


def rewind_forgets_nothing(patch):
    patch.setattr(KeyValueCache, "rewind", lambda self, lengths: None)


def rewind_goes_anywhere(patch):
    def rewind(self, lengths):
        self.lengths = lengths.clone()
        self._measure()

    patch.setattr(KeyValueCache, "rewind", rewind)


def rewind_wipes_what_a_draft_wrote(patch):
    original = KeyValueCache.rewind

    def rewind(self, lengths):
        original(self, lengths)
        gone = torch.arange(self.data.shape[4]) >= lengths[:, None]
        self.data.masked_fill_(gone[None, :, None, None, :, None], 0.0)

    patch.setattr(KeyValueCache, "rewind", rewind)


def rewind_holds_the_tensor_it_was_given(patch):
    def rewind(self, lengths):
        KeyValueCache._measure(self)
        self.lengths = lengths

    patch.setattr(KeyValueCache, "rewind", rewind)


def lengths_are_those_of_the_mask(patch):
    original = TransformerBackbone.forward

    def forward(self, x, mask, positions, *, cache=None, **how):
        out = original(self, x, mask, positions, cache=cache, **how)
        if cache is not None:
            cache.lengths = mask.lengths
        return out

    patch.setattr(TransformerBackbone, "forward", forward)


def padded_places_overwrite_the_last_one(patch):
    original = KeyValueCache.reserve

    def reserve(self, mask, T):
        slots = original(self, mask, T)
        if not isinstance(slots, slice):
            slots = slots[0], torch.minimum(slots[1], (mask.lengths - 1).clamp(min=0)[:, None])
        return slots

    patch.setattr(KeyValueCache, "reserve", reserve)


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


def layers_share_their_cache(patch):
    original = KeyValueCache.append
    patch.setattr(KeyValueCache, "append", lambda self, layer, kv, slots: original(self, 0, kv, slots))


def a_full_cache_is_written_past(patch):
    patch.setattr(KeyValueCache, "_extend", lambda self, extent: setattr(self, "extent", min(extent, self.capacity)))


def a_full_cache_starts_anew(patch):
    """A ring where none was asked for."""
    patch.setattr(KeyValueCache, "_extend", lambda self, extent: setattr(self, "extent", extent % (self.capacity + 1)))


def bytes_are_counted_as_elements(patch):
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: self.data.numel()))


def bytes_of_one_layer_are_told(patch):
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: self.data[0].nbytes))


def caches_of_a_size_share_their_buffer(patch):
    original = KeyValueCache.__init__
    buffers = {}

    def made(self, *sizes):
        original(self, *sizes)
        self.data = buffers.setdefault(sizes, self.data)

    patch.setattr(KeyValueCache, "__init__", made)


FAULTS = {
    steps_see_only_themselves: "decodes_ragged_rows",
    positions_count_from_the_start_of_the_call: "decodes_uniform_rows",
    padded_places_overwrite_the_last_one: "decodes_in_chunks",
    layers_share_their_cache: "decodes_mixed_rows",
    select_reorders_lengths_only: "decodes_after_select",
    select_keeps_an_old_bound: "decodes_after_select",
    select_keeps_every_row: "decodes_after_select",
    rewind_forgets_nothing: "decodes_after_rewind",
    rewind_goes_anywhere: "decodes_after_rewind",
    rewind_wipes_what_a_draft_wrote: "drafts_and_verifies_on_one_cache",
    a_full_cache_is_written_past: "refuses_more_than_the_cache_holds",
    a_full_cache_starts_anew: "refuses_more_than_the_cache_holds",
    bytes_are_counted_as_elements: "states_what_its_cache_holds",
    bytes_of_one_layer_are_told: "states_what_its_cache_holds",
    caches_of_a_size_share_their_buffer: "caches_share_nothing",
    copies_of_a_row_are_one: "copies_of_a_row_go_on_apart",
    lengths_are_those_of_the_mask: "keeps_no_hold_of_what_it_was_given",
    rewind_holds_the_tensor_it_was_given: "keeps_no_hold_of_what_it_was_given",
}
"""A function of `monkeypatch` that plants it → the check that must see it."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(fault, monkeypatch, record_property):
    fault(monkeypatch)
    name = fault.__name__.replace("_", " ")
    assert planted.cases("arch", {name: (build, FAULTS[fault])}, spec=SPEC)[name].caught(record_property)


def test_every_check_of_caches_has_a_fault():
    checks = {check.__name__ for check in (*arch.CACHE_CHECKS, *arch.CACHED_ROW_CHECKS)}
    assert set(FAULTS.values()) == checks
