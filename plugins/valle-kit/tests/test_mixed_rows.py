"""Mixed, prefix and packed rows for kernels that take only uniform ones."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.mixed_rows import MixedRows
from valle_testing.suites.attention import checks as attention


class Dense:
    """A kernel that takes what it is told to take and notes the masks it was given."""

    def __init__(self, capabilities: Iterable[str]):
        self.capabilities = frozenset(capabilities)
        self.masks = []

    def __call__(self, q, k, v, mask, *, scale=None):
        self.masks.append(mask)
        case = attention.Case(name="", queries=q.shape[2], keys=k.shape[2], mask=mask)
        if isinstance(mask, PackedMask):
            assert "packed" in self.capabilities
        else:
            assert mask.form != "mixed" or "mixed" in self.capabilities
            assert mask.padded or bool((mask.lengths == k.shape[2]).all()), "the promise of no padding is broken"
            assert mask.form != "full" or torch.equal(mask.prefix, mask.lengths)
            assert mask.form != "causal" or not mask.prefix.any()
        seen = attention.visible(case)[:, None]
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
        scores = (q @ k.mT) * (q.shape[-1] ** -0.5 if scale is None else scale)
        weights = scores.masked_fill(~seen, -1e30).softmax(-1)
        return (weights @ v).masked_fill(~seen.any(-1, keepdim=True), 0.0)


def wrapped(*capabilities):
    kernel = Dense(capabilities)
    return MixedRows(kernel, kernel.capabilities), kernel


OF_THE_KERNEL = {"equals_the_rule_on_long_rows", "keeps_nan_out", "refuses_what_does_not_fit", "steps_through_a_window"}
"""What no adapter can give to a kernel that lacks it."""
CHECKS = [check for check in attention.CHECKS if check.__name__ not in OF_THE_KERNEL]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("native", [(), ("mixed",), ("mixed", "prefix"), ("packed",), ("window",), ("tree",)], ids=str)
def test_the_wrapper_passes_the_suite_whatever_the_kernel_takes(check, native):
    rows, _ = wrapped(*native)
    check(rows, rows.capabilities)


def inputs(B, T):
    return torch.randn(B, 2, T, 8), torch.randn(B, 2, T, 8), torch.randn(B, 2, T, 8)


def mixed(lengths, prefix):
    lengths, prefix = torch.tensor(lengths), torch.tensor(prefix)
    return SequenceMask(lengths=lengths, prefix=prefix, query_start=torch.zeros_like(lengths))


def test_uniform_rows_pass_through_untouched():
    rows, kernel = wrapped()
    mask = SequenceMask.causal(torch.tensor([3, 2]))
    rows(*inputs(2, 3), mask)
    assert kernel.masks[0] is mask


def test_a_mixed_batch_runs_once_per_kind():
    rows, kernel = wrapped()
    rows(*inputs(4, 5), mixed([5, 5, 4, 3], [0, 5, 0, 3]))
    assert [mask.form for mask in kernel.masks] == ["causal", "full"]


def test_groups_are_cut_to_their_longest_row():
    rows, kernel = wrapped()
    rows(*inputs(3, 9), mixed([9, 4, 4], [0, 4, 4]))
    assert [mask.padded for mask in kernel.masks] == [False, False]


def test_layers_of_one_forward_share_the_grouping():
    rows, kernel = wrapped()
    mask = mixed([5, 5], [0, 5])
    rows(*inputs(2, 5), mask)
    rows(*inputs(2, 5), mask)
    assert kernel.masks[0] is kernel.masks[2]


def test_a_mixed_step_needs_one_run():
    rows, kernel = wrapped()
    q, k, v = inputs(2, 6)
    lengths, prefix = torch.tensor([6, 4]), torch.tensor([0, 3])
    rows(q[:, :, :1], k, v, SequenceMask(lengths=lengths, prefix=prefix, query_start=lengths - 1))
    assert [mask.form for mask in kernel.masks] == ["full"]


def test_a_kernel_that_takes_mixed_rows_is_given_them():
    rows, kernel = wrapped("mixed")
    mask = mixed([5, 4], [0, 4])
    rows(*inputs(2, 5), mask)
    assert kernel.masks == [mask]


def test_a_batch_of_empty_rows_gives_zeros():
    rows, _ = wrapped()
    assert not rows(*inputs(2, 3), mixed([0, 0], [0, 0])).any()


def test_a_prefix_with_a_window_is_refused_where_the_kernel_takes_only_windows():
    rows, _ = wrapped("window")
    mask = SequenceMask(lengths=torch.tensor([5]), prefix=torch.tensor([2]), query_start=torch.tensor([0]), window=2)
    with pytest.raises(UserError, match="no prefix together with a window"):
        rows(*inputs(1, 5), mask)


def test_packed_segments_become_rows_of_the_longest_one():
    rows, kernel = wrapped()
    rows(*inputs(1, 7), PackedMask(offsets=torch.tensor([0, 4, 7]), prefix=torch.tensor([0, 0])))
    assert kernel.masks[0].lengths.tolist() == [4, 3]
    assert kernel.masks[0].form == "causal"
