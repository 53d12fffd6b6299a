"""The suite of attention kernels catches faults planted in a right kernel."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

import pytest
import torch

from valle_core.plugin import PluginSpec, UserError
from valle_core.types import PackedMask
from valle_testing import planted, suite
from valle_testing.fakes.rule_kernel import RuleKernel, check_fit, finite
from valle_testing.suites.attention import checks as attention
from valle_testing.suites.attention.shapes import SHAPE_CHECKS

EVERYTHING = frozenset({"mixed", "prefix", "packed", "window", "tree"})
SPEC = PluginSpec(
    kind="attention", name="right", api=1, summary="", factory="a:b", options="a:c", capabilities=EVERYTHING
)


def right(q, k, v, mask, *, scale=None, seen=None):
    """Dense attention from the suite's own table of who sees whom."""
    case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
    check_fit(q, k, v, mask)
    seen = attention.visible(case)[:, None] if seen is None else seen
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    (q, odd_q), (k, odd_k), (v, odd_v) = map(finite, (q, k, v))
    wide = torch.float32 if q.element_size() < 4 else q.dtype
    scores = (q.to(wide) @ k.to(wide).mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1).to(v.dtype)
    out = (weights @ v).masked_fill(odd_q | (seen & (odd_k | odd_v).mT).any(-1, keepdim=True), torch.nan)
    return out.masked_fill(~seen.any(-1, keepdim=True), 0.0)


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
def scale_is_taken_twice(q, k, v, mask, scale):
    return right(q * (1.0 if scale is None else scale), k, v, mask, scale=scale)


@rows_only
def scale_is_of_the_whole_width(q, k, v, mask, scale):
    """1/√(H · Dh) where 1/√Dh is meant."""
    return right(q, k, v, mask, scale=(q.shape[1] * q.shape[-1]) ** -0.5 if scale is None else scale)


@rows_only
def all_heads_read_the_first_keys(q, k, v, mask, scale):
    return right(q, k[:, :1], v[:, :1], mask, scale=scale)


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


@rows_only
def the_next_position_is_seen(q, k, v, mask, scale):
    """Off by one: j ≤ p + 1."""
    return right(q, k, v, replace(mask, query_start=mask.query_start + 1), scale=scale)


@rows_only
def a_query_does_not_see_itself(q, k, v, mask, scale):
    seen = attention.visible(attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask))[:, None]
    p = (mask.query_start[:, None] + torch.arange(q.shape[2]))[:, None, :, None]
    itself = (torch.arange(k.shape[2]) == p) & (p > 0)
    return right(q, k, v, mask, scale=scale, seen=seen & ~itself)


@rows_only
def the_prefix_is_one_short(q, k, v, mask, scale):
    return right(q, k, v, replace(mask, prefix=(mask.prefix - 1).clamp(min=0)), scale=scale)


@rows_only
def the_first_row_decides_for_the_batch(q, k, v, mask, scale):
    if len(mask.prefix) and bool(mask.prefix[0] == mask.lengths[0]):
        mask = replace(mask, prefix=mask.lengths)
    return right(q, k, v, mask, scale=scale)


@rows_only
def padding_has_a_small_weight(q, k, v, mask, scale):
    """A mask of −10 where −∞ is meant."""
    seen = attention.visible(attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask))[:, None]
    groups = q.shape[1] // k.shape[1]
    wide = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scores = (q @ wide[0].mT) * (q.shape[-1] ** -0.5 if scale is None else scale) - 10.0 * ~seen
    return (scores.softmax(-1) @ wide[1]).masked_fill(~seen.any(-1, keepdim=True), 0.0)


@rows_only
def halves_come_back_in_32_bits(q, k, v, mask, scale):
    return right(q.float(), k.float(), v.float(), mask, scale=scale)


@rows_only
def everything_comes_back_in_64_bits(q, k, v, mask, scale):
    return right(q, k, v, mask, scale=scale).double()


@rows_only
def weights_are_rounded_to_16_bits(q, k, v, mask, scale):
    return right(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask, scale=scale).to(q.dtype)


@rows_only
def a_table_is_made_on_the_cpu(q, k, v, mask, scale):
    return RuleKernel()(q, k + torch.zeros(1, k.shape[3]), v, mask, scale=scale)


@rows_only
def dropout_stays_on(q, k, v, mask, scale):
    return torch.nn.functional.dropout(right(q, k, v, mask, scale=scale), 1e-9)


class EveryCallCounts:
    """Its temperature falls with every call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, q, k, v, mask, *, scale=None):
        self.calls += 1
        return right(q, k, v, mask, scale=scale) * (1 + 1e-6 * self.calls)


@rows_only
def a_batch_has_a_first_row(q, k, v, mask, scale):
    longest = int(mask.lengths.max())
    assert longest >= 0
    return right(q, k, v, mask, scale=scale)


@rows_only
def a_row_has_a_first_key(q, k, v, mask, scale):
    return right(q, k, v, mask, scale=scale) + 0 * v[:, :1, 0, None]


@rows_only
def softmax_is_not_shifted(q, k, v, mask, scale):
    """exp without taking the maximum off."""
    seen = attention.visible(attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask))[:, None]
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    weights = ((q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)).masked_fill(~seen, -torch.inf).exp()
    return (weights @ v) / weights.sum(-1, keepdim=True).where(seen.any(-1, keepdim=True), 1.0)


@rows_only
def masked_scores_are_a_constant(q, k, v, mask, scale):
    """−100 instead of −∞ wins where all real scores lie below it."""
    seen = attention.visible(attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask))[:, None]
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = scores.masked_fill(~seen, -100.0).softmax(-1)
    return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


@rows_only
def lengths_are_read_as_neighbours(q, k, v, mask, scale):
    """Without a look at their strides."""
    lengths = mask.lengths.as_strided(mask.lengths.shape, (1,))
    return right(q, k, v, replace(mask, lengths=lengths), scale=scale)


FAULTS = {
    upper_left_chunks: (None, "equals_the_rule"),
    full_rows_run_causally: (None, "equals_the_rule"),
    the_next_position_is_seen: (None, "equals_the_rule"),
    a_query_does_not_see_itself: (None, "equals_the_rule"),
    the_prefix_is_one_short: (None, "equals_the_rule"),
    the_first_row_decides_for_the_batch: (None, "equals_the_rule"),
    scale_is_ignored: (None, "equals_the_rule"),
    scale_is_taken_twice: (None, "equals_the_rule"),
    scale_is_of_the_whole_width: (None, "equals_the_rule"),
    groups_are_interleaved: (None, "equals_the_rule"),
    all_heads_read_the_first_keys: (None, "equals_the_rule"),
    gradient_of_values_is_lost: (None, "equals_the_rule"),
    weights_are_rounded_to_16_bits: (None, "equals_the_rule"),
    window_is_one_too_wide: (None, "equals_the_rule"),
    siblings_see_each_other: (None, "equals_the_rule"),
    segments_leak: (None, "equals_the_rule"),
    empty_rows_give_nan: (None, "equals_the_rule"),
    padded_queries_are_left: (None, "clears_queries_past_the_lengths"),
    padding_is_seen: (None, "keeps_padding_out"),
    padding_has_a_small_weight: (None, "keeps_padding_out"),
    rows_share_a_maximum: (None, "keeps_rows_apart"),
    queries_are_scaled_in_place: (None, "writes_nothing"),
    heads_must_be_contiguous: (None, "takes_any_layout"),
    lengths_are_read_as_neighbours: (None, "takes_any_layout"),
    "a mask is known by its identity": (OldMask(), "reads_the_mask_anew"),
    everything_comes_back_in_64_bits: (None, "gives_the_dtype_it_takes"),
    halves_come_back_in_32_bits: (None, "runs_in_the_dtypes_it_declares"),
    a_table_is_made_on_the_cpu: (None, "stays_on_its_device"),
    dropout_stays_on: (None, "repeats_itself"),
    "every call counts": (EveryCallCounts(), "repeats_itself"),
    a_batch_has_a_first_row: (None, "takes_no_rows_and_no_keys"),
    a_row_has_a_first_key: (None, "takes_no_rows_and_no_keys"),
    softmax_is_not_shifted: (None, "withstands_large_scores"),
    masked_scores_are_a_constant: (None, "withstands_large_scores"),
    "a word is misspelt": (right, "declares_words_of_its_kind", replace(SPEC, capabilities=EVERYTHING | {"windows"})),
}
"""What is wrong → the kernel (None: the function itself), the check that must see it."""

SILENT = {"what is not declared is answered": (right, "refuses_what_it_does_not_declare")}
"""The same for a kernel that declares nothing."""

PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("attention", FAULTS, EVERYTHING, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)
CASES |= planted.cases("attention", SILENT, frozenset())


@pytest.mark.parametrize("kernel", [right, RuleKernel()], ids=["dense", "public"])
def test_a_right_kernel_passes(kernel):
    report = suite.run("attention", kernel, EVERYTHING, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") + report.count("skipped") == len(suite.checks_of("attention", SPEC))
    assert report.count("skipped") <= (kernel is right), "the dense one reads its masks"


def test_every_check_has_a_fault_here_or_in_test_attention_shapes():
    checks = {check.__name__ for check in suite.checks_of("attention", SPEC) if check not in SHAPE_CHECKS}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks


def test_what_is_neither_declared_nor_refused_is_named():
    with pytest.raises(AssertionError, match="neither declared"):
        attention.refuses_what_it_does_not_declare(right, frozenset({"mixed"}))


def test_a_kernel_that_refuses_what_it_declares_is_caught():
    def refuses(q, k, v, mask, *, scale=None):
        if isinstance(mask, PackedMask):
            raise UserError("no packed segments")
        return right(q, k, v, mask, scale=scale)

    with pytest.raises(UserError, match="no packed"):
        attention.equals_the_rule(refuses, EVERYTHING)
