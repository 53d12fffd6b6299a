"""The suite of attention kernels catches faults planted in a right kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.testing import attention
from valle_core.types import PackedMask

EVERYTHING = frozenset({"mixed", "prefix", "packed", "window", "tree"})


def right(q, k, v, mask, *, scale=None, seen=None):
    """Dense attention from the suite's own table of who sees whom."""
    case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
    seen = attention.visible(case)[:, None] if seen is None else seen
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = scores.masked_fill(~seen, -1e30).softmax(-1)
    return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def rows_only(fault):
    """The fault in rows; packed segments stay right."""

    @wraps(fault)
    def kernel(q, k, v, mask, *, scale=None):
        if isinstance(mask, PackedMask):
            return right(q, k, v, mask, scale=scale)
        return fault(q, k, v, mask, scale)

    return kernel


@rows_only
def upper_left_chunks(q, k, v, mask, scale):
    """A chunk over a cache aligned with the first keys, as a plain `is_causal` does."""
    return right(q, k, v, replace(mask, query_start=torch.zeros_like(mask.query_start)), scale=scale)


@rows_only
def full_rows_run_causally(q, k, v, mask, scale):
    return right(q, k, v, replace(mask, prefix=torch.zeros_like(mask.prefix)), scale=scale)


@rows_only
def padding_is_seen(q, k, v, mask, scale):
    case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
    seen = attention.visible(case)[:, None]
    p = mask.query_start[:, None] + torch.arange(q.shape[2])
    alive = (p < mask.lengths[:, None])[:, None, :, None]
    behind = torch.arange(k.shape[2]) >= mask.lengths[:, None, None, None]
    return right(q, k, v, mask, scale=scale, seen=seen | (behind & alive))


@rows_only
def padded_queries_are_left(q, k, v, mask, scale):
    case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
    seen = attention.visible(case)[:, None]
    return right(q, k, v, mask, scale=scale, seen=seen | ~seen.any(-1, keepdim=True))


@rows_only
def empty_rows_give_nan(q, k, v, mask, scale):
    out = right(q, k, v, mask, scale=scale)
    return torch.where((mask.lengths == 0)[:, None, None, None], torch.nan, out)


@rows_only
def scale_is_ignored(q, k, v, mask, scale):
    return right(q, k, v, mask)


@rows_only
def groups_are_interleaved(q, k, v, mask, scale):
    """Query head h reads key head h mod Hk instead of h // (H / Hk)."""
    groups = q.shape[1] // k.shape[1]
    return right(q, k.repeat(1, groups, 1, 1), v.repeat(1, groups, 1, 1), mask, scale=scale)


@rows_only
def queries_are_scaled_in_place(q, k, v, mask, scale):
    with torch.no_grad():
        q.mul_(1.0000001 if scale is None else scale)
    return right(q, k, v, mask, scale=None if scale is None else 1.0)


@rows_only
def rows_share_a_maximum(q, k, v, mask, scale):
    """Softmax stabilised by one maximum of the whole batch."""
    return right(q, k, v, mask, scale=scale) + 0 * q.max()


@rows_only
def gradient_of_values_is_lost(q, k, v, mask, scale):
    return right(q, k, v.detach(), mask, scale=scale)


@rows_only
def heads_must_be_contiguous(q, k, v, mask, scale):
    def as_if(x):
        return torch.as_strided(x, x.shape, torch.empty(x.shape).stride())

    return right(as_if(q), as_if(k), as_if(v), mask, scale=scale)


class OldMask:
    """Remembers who sees whom by the identity of the mask alone."""

    def __init__(self):
        self.last = None

    def __call__(self, q, k, v, mask, *, scale=None):
        if self.last is None or self.last[0] is not mask:
            case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
            self.last = (mask, attention.visible(case)[:, None])
        return right(q, k, v, mask, scale=scale, seen=self.last[1])


def window_is_one_too_wide(q, k, v, mask, *, scale=None):
    wide = not isinstance(mask, PackedMask) and mask.window is not None
    return right(q, k, v, replace(mask, window=mask.window + 1) if wide else mask, scale=scale)


def siblings_see_each_other(q, k, v, mask, *, scale=None):
    return right(q, k, v, mask if isinstance(mask, PackedMask) else replace(mask, tree=None), scale=scale)


def segments_leak(q, k, v, mask, *, scale=None):
    if isinstance(mask, PackedMask):
        N = q.shape[2]
        return right(q, k, v, mask, scale=scale, seen=torch.ones(1, 1, N, N, dtype=torch.bool).tril())
    return right(q, k, v, mask, scale=scale)


FAULTS = {
    upper_left_chunks: "equals_the_rule",
    full_rows_run_causally: "equals_the_rule",
    padding_is_seen: "keeps_padding_out",
    padded_queries_are_left: "clears_queries_past_the_lengths",
    empty_rows_give_nan: "equals_the_rule",
    scale_is_ignored: "equals_the_rule",
    groups_are_interleaved: "equals_the_rule",
    queries_are_scaled_in_place: "writes_nothing",
    rows_share_a_maximum: "keeps_rows_apart",
    gradient_of_values_is_lost: "equals_the_rule",
    heads_must_be_contiguous: "takes_any_layout",
    OldMask(): "reads_the_mask_anew",
    window_is_one_too_wide: "equals_the_rule",
    siblings_see_each_other: "equals_the_rule",
    segments_leak: "equals_the_rule",
}
"""Kernel with a fault → the check that must see it."""


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_a_right_kernel_passes(check):
    check(right, EVERYTHING)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: getattr(fault, "__name__", "old_mask"))
def test_a_planted_fault_is_caught(fault):
    with pytest.raises(AssertionError):
        getattr(attention, FAULTS[fault])(fault, EVERYTHING)


def test_a_kernel_that_answers_what_it_does_not_declare_is_caught():
    with pytest.raises(AssertionError, match="neither declared"):
        attention.refuses_what_it_does_not_declare(right, frozenset({"mixed"}))


def test_a_kernel_that_refuses_what_it_declares_is_caught():
    def refuses(q, k, v, mask, *, scale=None):
        if isinstance(mask, PackedMask):
            raise UserError("no packed segments")
        return right(q, k, v, mask, scale=scale)

    with pytest.raises(UserError, match="no packed"):
        attention.equals_the_rule(refuses, EVERYTHING)
