"""The suite of rewrites sees where a rewritten backbone breaks the contract of backbones."""

from __future__ import annotations

import torch

from valle_testing import planted
from valle_testing.fakes.rewrite import FakeRewrite, Rounded
from valle_testing.suites.rewrite import checks as rewrite


def layer(**changes):
    """A rewrite whose layers differ in these methods."""
    return type("Faulty", (FakeRewrite,), {"layer": type("FaultyLayer", (Rounded,), changes)})


def seeing(change):
    """A rewrite whose layers read something else: `change(x)`."""

    def forward(self, x):
        return Rounded.forward(self, change(x))

    return layer(forward=forward)


def giving(change):
    """A rewrite whose layers say something else: `change(y)`."""

    def forward(self, x):
        return change(Rounded.forward(self, x))

    return layer(forward=forward)


def scaled_by_the_whole_batch(x):
    return x / x.detach().abs().max().clamp(min=1e-5)


def scaled_along_the_row(x):
    return x / x.detach().abs().amax(1, keepdim=True).clamp(min=1e-5) if x.ndim == 3 and x.shape[1] else x


def writes_into_what_it_reads():
    def forward(self, x):
        with torch.no_grad():
            x.clamp_(-2, 2)
        return Rounded.forward(self, x)

    class Faulty(FakeRewrite):
        layer = type("FaultyLayer", (Rounded,), {"forward": forward})

        def apply(self, backbone):
            backbone = super().apply(backbone)
            inner = backbone.forward
            backbone.forward = lambda x, *more, **how: (x.detach().clamp_(-2, 2), inner(x, *more, **how))[1]
            return backbone

    return Faulty


def around_forward(change):
    """A rewrite that wraps the backbone's forward: `change(forward)`."""

    class Faulty(FakeRewrite):
        def apply(self, backbone):
            backbone = super().apply(backbone)
            backbone.forward = change(backbone.forward)
            return backbone

    return Faulty


def all_rows_run_causally(forward):
    def changed(x, mask, *more, **how):
        return forward(x, type(mask).causal(mask.lengths, query_start=mask.query_start), *more, **how)

    return changed


def padding_counts(forward):
    def changed(x, mask, *more, **how):
        lengths = torch.full_like(mask.lengths, x.shape[1]) + mask.query_start
        full = (mask.prefix == mask.lengths) & (mask.query_start == 0)
        mask = type(mask)(lengths=lengths, prefix=torch.where(full, lengths, mask.prefix), query_start=mask.query_start)
        return forward(x, mask, *more, **how)

    return changed


def every_layer_is_run(forward):
    return lambda x, *more, layers=None, **how: forward(x, *more, **how)


def the_cache_is_forgotten(forward):
    def changed(x, mask, *more, cache=None, **how):
        if cache is not None:
            cache.sums.zero_()
        return forward(x, mask, *more, cache=cache, **how)

    return changed


def chunks_lose_their_first_position(forward):
    def changed(x, mask, *more, cache=None, **how):
        if cache is not None and bool(mask.query_start.any()) and x.shape[1] > 1:
            x = torch.cat((torch.zeros_like(x[:, :1]), x[:, 1:]), dim=1)
        return forward(x, mask, *more, cache=cache, **how)

    return changed


def selecting_does_nothing():
    class Faulty(FakeRewrite):
        def apply(self, backbone):
            backbone = super().apply(backbone)
            new_cache = backbone.new_cache

            def changed(*given):
                cache = new_cache(*given)
                select = cache.select

                def wrong(rows):
                    select(rows.sort().values)

                cache.select = wrong
                return cache

            backbone.new_cache = changed
            return backbone

    return Faulty


FAULTS = {
    scaled_along_the_row: (seeing, "causal_rows_never_see_the_future"),
    all_rows_run_causally: (around_forward, "full_rows_see_the_future"),
    padding_counts: (around_forward, "keeps_padding_out"),
    scaled_by_the_whole_batch: (seeing, "equals_rows_one_by_one"),
    "NaN spreads": (seeing(scaled_by_the_whole_batch), "keeps_rows_apart"),
    "scaled by its own size": (seeing(lambda x: x / x.detach().abs().amax(-1, keepdim=True)), "takes_empty_rows"),
    "noise is drawn": (giving(lambda y: y + 1e-3 * torch.randn_like(y)), "has_no_dropout_in_eval"),
    "it writes into what it reads": (writes_into_what_it_reads(), "writes_nothing"),
    every_layer_is_run: (around_forward, "runs_an_ordered_subset_of_layers"),
    the_cache_is_forgotten: (around_forward, "decodes_ragged_rows"),
    chunks_lose_their_first_position: (around_forward, "decodes_in_chunks"),
    "selected rows are sorted": (selecting_does_nothing(), "decodes_after_select"),
}
"""Fault → how it is planted, the check that must see it."""


CASES = planted.cases("rewrite", FAULTS)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_every_check_of_the_kept_contract_has_a_fault():
    assert {fault.check for fault in CASES.values()} == {check.__name__ for check in rewrite.KEPT}
