"""Conformance suite of attention kernels: every declared mask form against the rule written out in float64.

test_it_conforms = suite.conformance("attention", MyKernel(), SPEC.capabilities, spec=SPEC)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import SkipTest

import torch

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import PluginSpec, UserError
from valle_core.types import PackedMask, SequenceMask
from valle_testing.contract import contract, without_data
from valle_testing.suites.attention.cases import (
    HEADS,
    Case,
    cases,
    declared,
    each,
    inputs_for,
    spread,
    strided,
    tensors_of,
    visible,
)
from valle_testing.suites.attention.rule import TOLERANCE, by_the_rule, cannot_learn, close, compare, described
from valle_testing.suites.attention.shapes import SHAPE_CHECKS


@contract("AttentionKernel", "softmax(scale · q kᵀ + mask) v.")
def equals_the_rule(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Outputs and gradients, one key head per query head and grouped; without a scale, with 0.7 and with 0."""
    for case, inputs in declared(capabilities, (HEADS, HEADS // 2, 1), **where):
        for scale in (None, 0.7, *([0.0] if inputs[1].shape[1] == 1 else [])):
            compare(kernel, case, inputs, scale=scale)


@contract("AttentionKernel", "Queries at or past `lengths` give zeros.")
def clears_queries_past_the_lengths(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Exact zeros, never NaN."""
    for case, (q, k, v) in declared(capabilities, **where):
        unused = ~visible(case).any(-1)
        found = kernel(q, k, v, case.mask)
        assert not found.transpose(1, 2)[unused].any(), f"{case.name}: padded queries give something else than zeros"


@contract("AttentionKernel", "Keys that no query sees change nothing")
def keeps_padding_out(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Keys no query sees and queries past the lengths change nothing, bit for bit."""
    for case, (q, k, v) in declared(capabilities, **where):
        seen = visible(case)
        k_unseen = ~seen.any(1)[:, None, :, None]
        q_unused = ~seen.any(2)[:, None, :, None]
        first = kernel(q, k, v, case.mask)
        second = kernel(
            q.masked_fill(q_unused, 99), k.masked_fill(k_unseen, 99), v.masked_fill(k_unseen, 99), case.mask
        )
        assert torch.equal(first, second), f"{case.name}: what lies in the padding changes the result"


@contract("AttentionKernel", "no row reaches another")
def keeps_rows_apart(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """NaN in row 0 reaches no other row."""
    for case, (q, k, v) in declared(capabilities, **where):
        if isinstance(case.mask, SequenceMask):
            first = torch.tensor([0], device=q.device)
            q, k, v = (
                q.index_fill(0, first, torch.nan),
                k.index_fill(0, first, torch.nan),
                v.index_fill(0, first, torch.nan),
            )
            assert kernel(q, k, v, case.mask)[1:].isfinite().all(), f"{case.name}: NaN of one row reached another"


@contract("AttentionKernel", "The inputs are never written.")
def writes_nothing(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Neither inputs nor masks are written."""
    for case, inputs in declared(capabilities, **where):
        tensors = [*inputs, *tensors_of(case.mask)]
        before = [x.clone() for x in tensors]
        with torch.no_grad():
            kernel(*inputs, case.mask)
        assert all(map(torch.equal, before, tensors)), f"{case.name}: an input was written to"


@contract("AttentionKernel", "Any strides and any number of rows are taken")
def takes_any_layout(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Heads cut out of a fused projection, keys cut out of a longer buffer, lengths that are columns of a table."""
    for case, (q, k, v) in declared(capabilities, **where):
        out, _ = TOLERANCE[q.dtype]
        moved = each((q, k, v), spread)
        wanted = kernel(q, k, v, case.mask)
        close(kernel(*moved, case.mask), wanted, out, f"{case.name}: with other strides")
        close(kernel(q, k, v, strided(case.mask)), wanted, out, f"{case.name}: with other strides in the mask")


@contract("AttentionKernel", "nothing kept but what belongs to the same values of a mask")
def reads_the_mask_anew(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """A mask whose tensors were written to between two calls is not taken for the old one."""
    for inference in (False, True):
        for case, (q, k, v) in declared(capabilities, **where):
            if isinstance(case.mask, PackedMask) or case.mask.form != "causal" or case.queries > 1 or case.keys == 1:
                continue
            with torch.inference_mode(inference):
                start = case.mask.query_start - 1
                mask = replace(SequenceMask.causal(start + 1, query_start=start), tree=case.mask.tree)
                kernel(q, k, v, mask)
                mask.lengths.add_(1)
                mask.query_start.add_(1)
                fresh = SequenceMask.causal(mask.lengths.clone(), query_start=mask.query_start.clone())
                same = torch.equal(kernel(q, k, v, mask), kernel(q, k, v, fresh))
            assert same, f"{case.name}: an old mask was used again after its tensors changed"


@contract("AttentionKernel", "Forms it does not declare raise `UserError`.")
def refuses_what_it_does_not_declare(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """`UserError`, not a wrong answer."""
    for case in cases(where.get("device", "cpu")):
        if case.needs <= capabilities:
            continue
        try:
            kernel(*inputs_for(case, HEADS, **where), case.mask)
        except UserError:
            continue
        raise AssertionError(f"{case.name}: neither declared ({', '.join(sorted(case.needs))}) nor refused")


@contract("AttentionKernel", "The result is in the dtype of q, on its device.")
def gives_the_dtype_it_takes(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Shape, dtype and device of the queries; finite."""
    for case, (q, k, v) in declared(capabilities, **where):
        found = kernel(q, k, v, case.mask)
        assert found.shape == q.shape, f"{case.name}: {tuple(found.shape)} for queries {tuple(q.shape)}"
        assert found.dtype == q.dtype, f"{case.name}: {found.dtype} for queries in {q.dtype}"
        assert found.device == q.device, f"{case.name}: on {found.device} for queries on {q.device}"
        assert found.isfinite().all(), f"{case.name}: not finite"


@contract("AttentionKernel", "The result is in the dtype of q, on its device.")
def stays_on_its_device(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """On the device `meta`, where no tensor of another device fits: causal and full rows, chunks and steps."""
    uniform = [case for case in cases("meta") if not case.needs]
    refusals: list[SkipTest] = []
    for case in uniform:
        q, k, v = inputs_for(case, HEADS // 2, dtype=where.get("dtype", torch.float32), device="meta")
        try:
            with without_data():
                found = kernel(q, k, v, case.mask)
        except SkipTest as refusal:
            refusals.append(refusal)
            continue
        assert found.device.type == "meta", f"{case.name}: on {found.device} for queries on meta"
    if len(refusals) == len(uniform):
        raise refusals[0]


@contract("AttentionKernel", "Equal inputs give equal results: nothing is drawn")
def repeats_itself(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Bit for bit, after all other cases, and no random number is drawn."""
    state = torch.get_rng_state()
    first = [kernel(*inputs, case.mask) for case, inputs in declared(capabilities, **where)]
    for before, (case, inputs) in zip(first, declared(capabilities, **where), strict=True):
        assert torch.equal(kernel(*inputs, case.mask), before), f"{case.name}: a second call gives something else"
    assert torch.equal(state, torch.get_rng_state()), "random numbers are drawn"


@contract("AttentionKernel", "any number of rows are taken")
def takes_no_rows_and_no_keys(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """A batch of no rows; rows that have no position, with and without places for keys: zeros, and zero gradients."""
    none = torch.zeros(0, dtype=torch.long, device=where.get("device", "cpu"))
    empty = torch.zeros(3, dtype=torch.long, device=none.device)
    for form in (SequenceMask.causal, SequenceMask.full):
        for rows, queries, keys in ((none, 4, 4), (none, 1, 4), (empty, 4, 4), (empty, 1, 6), (empty, 0, 0)):
            case = Case(name="", queries=queries, keys=keys, mask=form(rows))
            q, k, v = (x.requires_grad_() for x in inputs_for(case, HEADS // 2, **where))
            try:
                found = kernel(q, k, v, case.mask)
            except UserError as error:
                if not cannot_learn(error):
                    raise
                found = kernel(q.detach(), k.detach(), v.detach(), case.mask)
            what = f"{form.__name__}: {len(rows)} rows of no length, {queries} queries, {keys} keys"
            assert found.shape == q.shape, f"{what}: gives {tuple(found.shape)}"
            assert not found.any(), f"{what}: not zeros"
            if found.requires_grad:
                found.sum().backward()
            for name, x in zip("qkv", (q, k, v), strict=True):
                assert x.grad is None or not x.grad.any(), f"{what}: the gradient of {name} is not zero"


@contract("AttentionKernel", "scores of any size too")
def withstands_large_scores(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Scores far beyond what the exponential function holds; also all of them far below zero."""
    for case, (q, k, v) in declared(capabilities, **where):
        much = 300 if q.dtype == torch.float16 else 1  # in 16 bits, products beyond what the dtype itself holds
        for name, keys, queries in (
            ("large", much * k, 60 * q),
            ("very negative", much * k.abs(), -60 * q.abs()),
        ):
            found = kernel(queries, keys, v, case.mask)
            what = f"{described(case, (q, k, v), None)}, {name} scores: output"
            wanted = by_the_rule(queries.double(), keys.double(), v.double(), visible(case), scale=None)
            close(found, wanted, {torch.float32: 1e-3, torch.float16: 2e-2}.get(q.dtype, torch.inf), what)


@contract("PluginSpec", "dtypes: torch dtype names it runs in.")
def runs_in_the_dtypes_it_declares(kernel: AttentionKernel, spec: PluginSpec, **where: Any) -> None:
    """In each: right to the precision of the dtype, and given back in it."""
    for name in spec.dtypes:
        dtype = {"dtype": getattr(torch, name)}
        gives_the_dtype_it_takes(kernel, spec.capabilities, **(where | dtype))
        equals_the_rule(kernel, spec.capabilities, **(where | dtype))
        withstands_large_scores(kernel, spec.capabilities, **(where | dtype))


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    equals_the_rule,
    clears_queries_past_the_lengths,
    keeps_padding_out,
    keeps_rows_apart,
    writes_nothing,
    takes_any_layout,
    reads_the_mask_anew,
    refuses_what_it_does_not_declare,
    gives_the_dtype_it_takes,
    stays_on_its_device,
    takes_no_rows_and_no_keys,
    withstands_large_scores,
    *SHAPE_CHECKS,
)
"""Each takes `(kernel, capabilities, *, dtype=torch.float32, device="cpu")` and raises `AssertionError`."""

SPEC_CHECKS: tuple[Callable[..., None], ...] = (runs_in_the_dtypes_it_declares,)
"""Each takes `(kernel, spec, *, device="cpu")`."""
