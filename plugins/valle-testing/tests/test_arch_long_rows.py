"""The checks of backbones on long rows, NaN in padding and copied rows catch faults planted in a good one."""

from __future__ import annotations

from dataclasses import replace

import torch

from valle_testing import planted, suite
from valle_testing.fakes.backbone import FakeBackbone, FakeCache
from valle_testing.suites.arch.long_rows import LONG_CHECKS

NAMES = tuple(check.__name__ for check in LONG_CHECKS)


def forwarding(change):
    """A backbone whose forward is `change(good, x, mask, positions, **how)`."""

    class Faulty(FakeBackbone):
        def forward(self, x, mask, positions, **how):
            return change(super().forward, x, mask, positions, **how)

    return lambda **changes: Faulty()


def selecting(change):
    """A backbone whose caches select by `change(cache, rows)`."""

    class Cache(FakeCache):
        def select(self, rows):
            change(self, rows)

    class Faulty(FakeBackbone):
        def new_cache(self, batch, max_length, dtype, device):
            return Cache(batch, self.d_model, self.n_layers, dtype, device)

    return lambda **changes: Faulty()


def valid(x, mask):
    place = mask.query_start[:, None] + torch.arange(x.shape[1])
    return (place < mask.lengths[:, None])[..., None]


def what_lies_past_128_is_lost(forward, x, mask, positions, **how):
    if x.shape[1] > 128 and len(x) > 1:
        x = torch.cat([x[:, :128], 0 * x[:, 128:]], 1)
    return forward(x, mask, positions, **how)


def the_last_chunk_is_padded_with_its_mean(forward, x, mask, positions, **how):
    """Inside a chunk of 64 every position sees the whole chunk, once there are several."""
    if x.shape[1] > 64 and mask.form == "causal":
        x = x + 0.1 * x[:, x.shape[1] // 64 * 64 :].mean(1, keepdim=True)
    return forward(x, mask, positions, **how)


def long_rows_are_cut_to_100(forward, x, mask, positions, **how):
    return forward(x, replace(mask, lengths=mask.lengths.clamp(max=100)), positions, **how)


def positions_wrap_at_64_from_the_cache(forward, x, mask, positions, **how):
    return forward(x, mask, positions % 64 if how.get("cache") is not None else positions, **how)


def a_long_chunk_forgets_the_cache(forward, x, mask, positions, **how):
    cache = how.get("cache")
    if cache is not None and x.shape[1] > 32:
        cache.sums = torch.zeros_like(cache.sums)
    return forward(x, mask, positions, **how)


def steps_past_100_count_from_0(forward, x, mask, positions, **how):
    return forward(x, mask, positions.where(mask.query_start[:, None] < 100, 0), **how)


def padding_is_multiplied_with_zero(forward, x, mask, positions, **how):
    spilt = (x * ~valid(x, mask)).sum(1, keepdim=True) * 0
    return forward(x + spilt, mask, positions, **how)


def cached_padding_is_multiplied_with_zero(forward, x, mask, positions, **how):
    if how.get("cache") is None:
        return forward(x, mask, positions, **how)
    return padding_is_multiplied_with_zero(forward, x, mask, positions, **how)


def a_maximum_is_taken_over_padding(forward, x, mask, positions, **how):
    scale = x.detach().abs().amax((1, 2), keepdim=True).clamp(min=1e4) / 1e4
    return forward(x / scale, mask, positions, **how)


def rows_are_taken_as_flags(cache, rows):
    chosen = rows.bool() if int(rows.max()) < 1 else rows
    cache.lengths, cache.sums = cache.lengths[chosen], cache.sums[:, chosen]


def doubled_rows_are_taken_once(cache, rows):
    kept = list(dict.fromkeys(rows.tolist()))
    cache.lengths, cache.sums = cache.lengths[rows], cache.sums[:, (kept * len(rows))[: len(rows)]]
    cache.lengths = cache.lengths[torch.tensor(range(len(kept)))] if len(kept) == 1 else cache.lengths


def as_many_rows_as_before_are_left_alone(cache, rows):
    if len(rows) != len(cache.lengths):
        cache.lengths, cache.sums = cache.lengths[rows], cache.sums[:, rows]


def one_row_is_the_first(cache, rows):
    rows = torch.zeros_like(rows) if int((rows == rows[0]).all()) else rows
    cache.lengths, cache.sums = cache.lengths[rows], cache.sums[:, rows]


FAULTS = {
    what_lies_past_128_is_lost: (forwarding, "takes_long_rows"),
    the_last_chunk_is_padded_with_its_mean: (forwarding, "takes_long_rows"),
    long_rows_are_cut_to_100: (forwarding, "takes_long_rows"),
    positions_wrap_at_64_from_the_cache: (forwarding, "decodes_long_rows"),
    a_long_chunk_forgets_the_cache: (forwarding, "decodes_long_rows"),
    steps_past_100_count_from_0: (forwarding, "decodes_long_rows"),
    padding_is_multiplied_with_zero: (forwarding, "keeps_nan_in_padding_out"),
    cached_padding_is_multiplied_with_zero: (forwarding, "keeps_nan_in_padding_out"),
    a_maximum_is_taken_over_padding: (forwarding, "keeps_nan_in_padding_out"),
    rows_are_taken_as_flags: (selecting, "one_row_may_fill_the_cache"),
    doubled_rows_are_taken_once: (selecting, "one_row_may_fill_the_cache"),
    as_many_rows_as_before_are_left_alone: (selecting, "one_row_may_fill_the_cache"),
    one_row_is_the_first: (selecting, "one_row_may_fill_the_cache"),
}
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("arch", FAULTS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_backbone_passes():
    report = suite.run("arch", lambda **changes: FakeBackbone(), only=NAMES)
    assert report.count("passed") == len(NAMES), report.table()


def test_every_check_has_a_fault():
    assert {fault.check for fault in CASES.values()} == set(NAMES)
