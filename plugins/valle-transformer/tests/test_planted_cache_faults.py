"""The suite of backbones catches faults planted in copies of this one's cache."""

from __future__ import annotations

import pytest
import torch
from valle_transformer.backbone import SteppingTransformer
from valle_transformer.options import TransformerOptions
from valle_transformer.plugin import SPEC
from valle_transformer.positions import SinusoidalPositions

from valle_kit.key_value_cache import KeyValueCache
from valle_testing import planted
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.arch import checks as arch

SMALL = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24}


def build(**changes):
    return SteppingTransformer(TransformerOptions(**SMALL | changes), RuleKernel())


def positions_count_from_the_start_of_the_call(patch):
    original = SinusoidalPositions.forward
    patch.setattr(
        SinusoidalPositions,
        "forward",
        lambda self, x, positions: original(self, x, torch.arange(x.shape[1]).expand(x.shape[:2])),
    )


def select_reorders_lengths_only(patch):
    def select(self, rows):
        kept = torch.arange(len(rows)) % self.keys.shape[1]
        self.keys, self.values = self.keys[:, kept], self.values[:, kept]
        self._set(self.lengths.index_select(0, rows))

    patch.setattr(KeyValueCache, "select", select)


def select_keeps_an_old_bound(patch):
    def select(self, rows):
        self.keys, self.values = self.keys.index_select(1, rows), self.values.index_select(1, rows)
        self.lengths, self._guessed = self.lengths.index_select(0, rows), False

    patch.setattr(KeyValueCache, "select", select)


def select_keeps_every_row(patch):
    """Narrowed rows stay in memory."""
    original = KeyValueCache.select

    def select(self, rows):
        self.held = max(getattr(self, "held", 0), 2 * self.keys.nbytes)
        original(self, rows)

    patch.setattr(KeyValueCache, "select", select)
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: max(2 * self.keys.nbytes, getattr(self, "held", 0))))


def copies_of_a_row_are_one(patch):
    """What one copy appends, the other reads."""
    select, append = KeyValueCache.select, KeyValueCache.append

    def selected(self, rows):
        first = [rows.tolist().index(row) for row in rows.tolist()]
        self.first = torch.tensor(first)
        select(self, rows)

    def appended(self, layer, places, k, v):
        if hasattr(self, "first"):
            k, v = k[self.first], v[self.first]
        return append(self, layer, places, k, v)

    patch.setattr(KeyValueCache, "select", selected)
    patch.setattr(KeyValueCache, "append", appended)


def rewind_forgets_nothing(patch):
    patch.setattr(KeyValueCache, "rewind", lambda self, lengths: None)


def rewind_goes_anywhere(patch):
    def rewind(self, lengths):
        self._set(lengths.clone())

    patch.setattr(KeyValueCache, "rewind", rewind)


def rewind_wipes_what_a_draft_wrote(patch):
    original = KeyValueCache.rewind

    def rewind(self, lengths):
        original(self, lengths)
        gone = (torch.arange(self.keys.shape[3]) >= lengths[:, None])[None, :, None, :, None]
        for kept in (self.keys, self.values):
            kept.masked_fill_(gone, 0.0)

    patch.setattr(KeyValueCache, "rewind", rewind)


def rewind_holds_the_tensor_it_was_given(patch):
    def rewind(self, lengths):
        self._set(lengths)

    patch.setattr(KeyValueCache, "rewind", rewind)


def lengths_are_those_of_the_mask(patch):
    original = SteppingTransformer.forward

    def forward(self, x, mask, positions, *, cache=None, **how):
        out = original(self, x, mask, positions, cache=cache, **how)
        if cache is not None:
            cache.lengths = mask.lengths
        return out

    patch.setattr(SteppingTransformer, "forward", forward)


def padded_places_overwrite_the_last_one(patch):
    original = KeyValueCache.open

    def reserve(self, mask, new):
        places = original(self, mask, new)
        if not isinstance(places, slice):
            places = torch.minimum(places, (mask.lengths - 1).clamp(min=0)[:, None])
        return places

    patch.setattr(KeyValueCache, "open", reserve)


def steps_see_only_themselves(patch):
    original = KeyValueCache.append

    def append(self, layer, places, k, v):
        keys, values = original(self, layer, places, k, v)
        if k.shape[2] == 1:
            keys = keys.clone()
            keys[:, :, :-1] = 0
        return keys, values

    patch.setattr(KeyValueCache, "append", append)


def layers_share_their_cache(patch):
    original = KeyValueCache.append
    patch.setattr(KeyValueCache, "append", lambda self, layer, *new: original(self, 0, *new))


def a_full_cache_is_written_past(patch):
    def reach(self, reached, *, guessed):
        self.longest, self._guessed = min(reached, self.capacity), guessed

    patch.setattr(KeyValueCache, "_reach", reach)


def a_full_cache_starts_anew(patch):
    """A ring where none was asked for."""

    def reach(self, reached, *, guessed):
        self.longest, self._guessed = reached % (self.capacity + 1), guessed

    patch.setattr(KeyValueCache, "_reach", reach)


def bytes_are_counted_as_elements(patch):
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: 2 * self.keys.numel()))


def bytes_of_one_layer_are_told(patch):
    patch.setattr(KeyValueCache, "nbytes", property(lambda self: 2 * self.keys[0].nbytes))


def caches_of_a_size_share_their_buffer(patch):
    original = KeyValueCache.__init__
    buffers = {}

    def made(self, *sizes):
        original(self, *sizes)
        self.keys, self.values = buffers.setdefault(sizes, (self.keys, self.values))

    patch.setattr(KeyValueCache, "__init__", made)


def a_row_among_others_is_rounded_otherwise(patch):
    original = SteppingTransformer.together

    def together(self):
        step = original(self)
        return lambda x, caches: step(x, caches) * (1 + 2e-7 * (len(caches) > 1))

    patch.setattr(SteppingTransformer, "together", together)


def a_row_stepped_with_others_gets_the_first_ones_place(patch):
    original = SteppingTransformer.together

    def together(self):
        step = original(self)

        def moved(x, caches):
            for cache in caches:
                cache.lengths = cache.lengths.clamp(max=3)
            return step(x, caches)

        return moved

    patch.setattr(SteppingTransformer, "together", together)


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
    a_row_among_others_is_rounded_otherwise: "steps_with_the_bits_it_gives_alone",
    a_row_stepped_with_others_gets_the_first_ones_place: "steps_with_the_bits_it_gives_alone",
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
