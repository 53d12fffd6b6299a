"""The suite of attention kernels catches faults that only long rows, odd heads, windows, NaN or misfits show."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from valle_core.plugin import PluginSpec, UserError
from valle_core.types import PackedMask
from valle_testing import planted, suite
from valle_testing.fakes.rule_kernel import RuleKernel, rule
from valle_testing.suites.attention import checks as attention
from valle_testing.suites.attention.cases import cases
from valle_testing.suites.attention.rule import close
from valle_testing.suites.attention.shapes import long_cases, window_cases

EVERYTHING = RuleKernel.capabilities
SPEC = PluginSpec(
    kind="attention", name="right", api=1, summary="", factory="a:b", options="a:c", capabilities=EVERYTHING
)
right = RuleKernel()


def long_rows_are_cut(q, k, v, mask, *, scale=None):
    """Keys from 256 on are never loaded."""
    if k.shape[2] <= 256 or isinstance(mask, PackedMask):
        return right(q, k, v, mask, scale=scale)
    return right(q, k[:, :, :256], v[:, :, :256], mask, scale=scale)


def the_second_tile_forgets_the_first(q, k, v, mask, *, scale=None):
    """The running sum is not scaled down when a larger score comes."""
    out = right(q, k, v, mask, scale=scale)
    return torch.cat([out[:, :, :128], out[:, :, 128:] * 1.001], dim=2)


def the_last_partial_tile_is_not_written(q, k, v, mask, *, scale=None):
    out = right(q, k, v, mask, scale=scale)
    whole = q.shape[2] // 64 * 64 if q.shape[2] > 64 else q.shape[2]
    return torch.cat([out[:, :, :whole], torch.zeros_like(out[:, :, whole:])], dim=2)


def prefix_bounds_are_those_of_a_tile(q, k, v, mask, *, scale=None):
    """A prefix is rounded up to 64 keys."""
    if k.shape[2] < 200 or isinstance(mask, PackedMask) or mask.form != "mixed":
        return right(q, k, v, mask, scale=scale)
    rounded = torch.minimum((mask.prefix + 63) // 64 * 64, mask.lengths)
    return right(q, k, v, replace(mask, prefix=rounded), scale=scale)


def long_packed_rows_are_one_segment(q, k, v, mask, *, scale=None):
    if isinstance(mask, PackedMask) and q.shape[2] > 256:
        ends = mask.offsets[[0, -1]]
        mask = PackedMask(offsets=ends, prefix=mask.prefix[:1])
    return right(q, k, v, mask, scale=scale)


def lengths_are_bytes(q, k, v, mask, *, scale=None):
    """A length of 257 is 1."""
    if not isinstance(mask, PackedMask):
        mask = replace(mask, lengths=mask.lengths.where(mask.lengths < 256, mask.lengths % 256))
    return right(q, k, v, mask, scale=scale)


def groups_are_powers_of_two(q, k, v, mask, *, scale=None):
    groups = q.shape[1] // k.shape[1]
    two = 1 << (groups.bit_length() - 1)
    if two == groups:
        return right(q, k, v, mask, scale=scale)
    index = (torch.arange(q.shape[1]) // two).clamp(max=k.shape[1] - 1)
    return right(q, k[:, index], v[:, index], mask, scale=scale)


def five_heads_share_the_wrong_key(q, k, v, mask, *, scale=None):
    if q.shape[1] // k.shape[1] == 5:
        k, v = k.flip(1), v.flip(1)
    return right(q * 1.01 if q.shape[1] == 5 else q, k, v, mask, scale=scale)


def the_width_is_rounded_up_in_the_scale(q, k, v, mask, *, scale=None):
    """1/√(next power of two)."""
    wide = 1 << (q.shape[-1] - 1).bit_length()
    return right(q, k, v, mask, scale=wide**-0.5 if scale is None else scale)


def only_64_entries_of_a_head_count(q, k, v, mask, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return right(q.where(torch.arange(q.shape[-1]) < 64, 0.0), k, v, mask, scale=scale)


def entries_past_a_multiple_of_16_are_zero(q, k, v, mask, *, scale=None):
    out = right(q, k, v, mask, scale=scale)
    return out.where(torch.arange(out.shape[-1]) < max(out.shape[-1] // 16 * 16, 1), 0.0)


def steps_have_no_window(q, k, v, mask, *, scale=None):
    if q.shape[2] == 1 and not isinstance(mask, PackedMask):
        mask = replace(mask, window=None)
    return right(q, k, v, mask, scale=scale)


def the_window_hides_the_prefix(q, k, v, mask, *, scale=None):
    if isinstance(mask, PackedMask) or mask.window is None:
        return right(q, k, v, mask, scale=scale)
    return right(q, k, v, replace(mask, prefix=torch.zeros_like(mask.prefix)), scale=scale)


def the_prefix_has_no_window_behind_it(q, k, v, mask, *, scale=None):
    if isinstance(mask, PackedMask) or mask.window is None or not bool(mask.prefix.any()):
        return right(q, k, v, mask, scale=scale)
    return right(q, k, v, replace(mask, window=None), scale=scale)


def a_window_counts_from_the_first_query(q, k, v, mask, *, scale=None):
    """As if the chunk began at position 0."""
    if isinstance(mask, PackedMask) or mask.window is None or not bool(mask.query_start.any()):
        return right(q, k, v, mask, scale=scale)
    return right(q, k, v, replace(mask, window=mask.window + 1), scale=scale)


def dense(q, k, v, mask, scale):
    """Attention as it is usually written: it multiplies weights of 0 by whatever lies there."""
    seen = rule(mask, q.shape[2], k.shape[2])[:, None]
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def nan_keys_leak_in_steps(q, k, v, mask, *, scale=None):
    return dense(q, k, v, mask, scale) if q.shape[2] == 1 else right(q, k, v, mask, scale=scale)


def nan_values_leak_between_segments(q, k, v, mask, *, scale=None):
    return dense(q, k, v, mask, scale) if isinstance(mask, PackedMask) else right(q, k, v, mask, scale=scale)


def only_nan_is_cleared(q, k, v, mask, *, scale=None):
    """Infinities stay."""
    q, k, v = (x.masked_fill(x.isnan(), 0.0) for x in (q, k, v))
    return dense(q, k, v, mask, scale)


class NanInTheBackwardPass(torch.autograd.Function):
    """Right forward; backward multiplies by what was given."""

    @staticmethod
    def forward(ctx, out, k):
        ctx.save_for_backward(k)
        return out.clone()

    @staticmethod
    def backward(ctx, grad):
        (k,) = ctx.saved_tensors
        return grad + 0 * k.sum(), None


def padding_spoils_the_gradients(q, k, v, mask, *, scale=None):
    return NanInTheBackwardPass.apply(right(q, k, v, mask, scale=scale), k)


def a_scale_of_zero_is_none(q, k, v, mask, *, scale=None):
    return right(q, k, v, mask, scale=scale or None)


def products_overflow_in_16_bits(q, k, v, mask, *, scale=None):
    """The product is rounded to the dtype before it is scaled."""
    seen = rule(mask, q.shape[2], k.shape[2])[:, None]
    groups = q.shape[1] // k.shape[1]
    wide, tall = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q @ wide.mT).float() * (q.shape[-1] ** -0.5 if scale is None else scale)
    weights = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1).to(v.dtype)
    return (weights @ tall).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def rows_of_no_length_have_a_gradient(q, k, v, mask, *, scale=None):
    out = right(q, k, v, mask, scale=scale)
    return out + 0 * out.sum() if isinstance(mask, PackedMask) else out + (k.sum() - k.sum().detach())


def misfits_are_broadcast(q, k, v, mask, *, scale=None):
    """One key head more or less is taken as if it were shared."""
    if q.ndim == 4 and q.shape[1] % max(k.shape[1], 1):
        k, v = k[:, :1], v[:, :1]
    return right(q, k, v, mask, scale=scale)


def misfits_raise_what_torch_raises(q, k, v, mask, *, scale=None):
    try:
        return right(q, k, v, mask, scale=scale)
    except UserError as error:
        raise RuntimeError("The size of tensor a (16) must match the size of tensor b (8)") from error


def another_dtype_is_cast(q, k, v, mask, *, scale=None):
    return right(q, k.to(q.dtype), v.to(q.dtype), mask, scale=scale)


def a_mask_of_more_rows_is_cut(q, k, v, mask, *, scale=None):
    if not isinstance(mask, PackedMask) and len(mask.lengths) > len(q) == 2:
        mask = replace(mask, **{n: getattr(mask, n)[: len(q)] for n in ("lengths", "prefix", "query_start")})
    return right(q, k, v, mask, scale=scale)


def a_window_of_zero_is_none(q, k, v, mask, *, scale=None):
    if not isinstance(mask, PackedMask) and mask.window == 0:
        mask = replace(mask, window=None)
    return right(q, k, v, mask, scale=scale)


LONG, HEADS = "equals_the_rule_on_long_rows", "takes_any_heads_and_widths"
WINDOW, NAN, MISFIT = "steps_through_a_window", "keeps_nan_out", "refuses_what_does_not_fit"
FAULTS = {
    long_rows_are_cut: (None, LONG),
    the_second_tile_forgets_the_first: (None, LONG),
    the_last_partial_tile_is_not_written: (None, LONG),
    prefix_bounds_are_those_of_a_tile: (None, LONG),
    long_packed_rows_are_one_segment: (None, LONG),
    lengths_are_bytes: (None, LONG),
    groups_are_powers_of_two: (None, HEADS),
    five_heads_share_the_wrong_key: (None, HEADS),
    the_width_is_rounded_up_in_the_scale: (None, HEADS),
    only_64_entries_of_a_head_count: (None, HEADS),
    entries_past_a_multiple_of_16_are_zero: (None, HEADS),
    steps_have_no_window: (None, WINDOW),
    the_window_hides_the_prefix: (None, WINDOW),
    the_prefix_has_no_window_behind_it: (None, WINDOW),
    a_window_counts_from_the_first_query: (None, WINDOW),
    "weights of zero meet nan": (lambda q, k, v, mask, *, scale=None: dense(q, k, v, mask, scale), NAN),
    nan_keys_leak_in_steps: (None, NAN),
    nan_values_leak_between_segments: (None, NAN),
    only_nan_is_cleared: (None, NAN),
    padding_spoils_the_gradients: (None, NAN),
    a_scale_of_zero_is_none: (None, "equals_the_rule"),
    products_overflow_in_16_bits: (None, "runs_in_the_dtypes_it_declares"),
    rows_of_no_length_have_a_gradient: (None, "takes_no_rows_and_no_keys"),
    misfits_are_broadcast: (None, MISFIT),
    misfits_raise_what_torch_raises: (None, MISFIT),
    another_dtype_is_cast: (None, MISFIT),
    a_mask_of_more_rows_is_cut: (None, MISFIT),
    a_window_of_zero_is_none: (None, MISFIT),
}
"""What is wrong → the kernel itself, the check that must see it."""

CASES = planted.cases("attention", FAULTS, EVERYTHING, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_who_sees_whom_is_the_same_one_by_one_and_by_tensors():
    for case in (*cases(), *window_cases("cpu")):
        assert torch.equal(attention.visible(case), rule(case.mask, case.queries, case.keys)), case.name
    for case in long_cases("cpu"):
        assert attention.visible(case).shape[1:] == (case.queries, case.keys)


def test_a_finding_names_case_heads_scale_place_and_the_allowed_range():
    (outcome,) = suite.run("attention", a_scale_of_zero_is_none, EVERYTHING, only=("equals_the_rule",)).outcomes
    assert "causal (4 query heads on 1 key heads of width 16, float32, scale 0.0): output differs by" in outcome.found
    assert "allowed is" in outcome.found
    with pytest.raises(AssertionError, match="x is nan in 1 places, first at row 0, head 1"):
        close(torch.tensor([[0.0, math.nan]]), torch.zeros(1, 2), 1e-3, "x")
    with pytest.raises(AssertionError, match=r"differs by 0.5 at row 1: it is 2.5, allowed is 1.998 … 2.002"):
        close(torch.tensor([1.0, 2.5]), torch.tensor([1.0, 2.0]), 1e-3, "x")
