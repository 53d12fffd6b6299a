"""The part of the suite of attention kernels on long rows, odd heads, windows, NaN, and what does not fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_testing.contract import contract
from valle_testing.suites.attention.cases import HEADS, Case, Inputs, declared, each, inputs_for, visible
from valle_testing.suites.attention.rule import TOLERANCE, backward, cannot_learn, close, compare, described

GROUPS = ((3, 1), (6, 2), (8, 2), (5, 1), (10, 2), (16, 2), (7, 7))
"""(query heads, key heads): groups of 3, 4, 5 and 8, and an odd number without groups."""

WIDTHS = (40, 80, 96, 8)
WINDOW = frozenset({"window"})


@contract("AttentionKernel", "for rows of any length")
def equals_the_rule_on_long_rows(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Rows of 257 and 300 positions in every declared form, steps and chunks over as many keys; gradients too."""
    for case in long_cases(where.get("device", "cpu")):
        if case.needs <= capabilities:
            inputs = inputs_for(case, 1, heads=2, **where)
            compare(kernel, case, inputs, gradients=case.queries > 1)


@contract("AttentionKernel", "Grouped-query attention by shape: Hk divides H.")
def takes_any_heads_and_widths(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Groups of 3, 4, 5 and 8 query heads; heads 8, 40, 80 and 96 wide: whole rows, chunks and steps."""
    names = ("causal", "full", "step", "chunk", "prefix", "packed")
    for case, _ in declared(capabilities, **where):
        if case.name not in names:
            continue
        for H, Hk in GROUPS:
            compare(kernel, case, inputs_for(case, Hk, heads=H, **where))
        for width in WIDTHS:
            compare(kernel, case, inputs_for(case, HEADS // 2, width=width, **where))


@contract("SequenceMask", "window: width of a sliding window, or None.")
def steps_through_a_window(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Every single step of rows with a window, chunks of them, and both behind a prefix where that is declared."""
    device = where.get("device", "cpu")
    if not capabilities >= WINDOW:
        case = next(window_cases(device))
        _is_refused(kernel, case, inputs_for(case, HEADS // 2, **where))
        return
    for case in window_cases(device):
        if case.needs <= capabilities:
            compare(kernel, case, inputs_for(case, HEADS // 2, **where), gradients=case.queries > 1)


@contract("AttentionKernel", "NaN and infinities in padding and in other segments included")
def keeps_nan_out(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """NaN and ±∞ in queries, keys and values of the padding; NaN in one segment: no output, no gradient of others."""
    for case, inputs in declared(capabilities, **where):
        seen = visible(case)
        if isinstance(case.mask, PackedMask):
            _segments_stay_apart(kernel, case, inputs)
            continue
        unused, unseen = ~seen.any(2)[:, None, :, None], ~seen.any(1)[:, None, :, None]
        for bad in (torch.nan, torch.inf, -torch.inf):
            q, k, v = inputs
            poisoned = (q.masked_fill(unused, bad), k.masked_fill(unseen, bad), v.masked_fill(unseen, bad))
            for grad in (False, True)[: 1 + (bad != -torch.inf)]:
                _same(kernel, case, inputs, poisoned, f"{bad} in the padding", grad=grad)


@contract("AttentionKernel", "What does not fit together raises `UserError`")
def refuses_what_does_not_fit(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Other head counts, widths, lengths, rows, dtypes; a mask of other rows; a window of 0: one line each."""
    device = where.get("device", "cpu")
    lengths = torch.tensor([6, 4], device=device)
    case = Case(name="two rows", queries=6, keys=6, mask=SequenceMask.causal(lengths))
    q, k, v = inputs_for(case, HEADS // 2, **where)
    other = torch.float64 if q.dtype != torch.float64 else torch.float32
    wrong = {
        "3 key heads for 4 query heads": (q, k[:, :1].expand(-1, 3, -1, -1), v[:, :1].expand(-1, 3, -1, -1)),
        "keys of another head width": (q, k[..., :8], v),
        "values with fewer positions than keys": (q, k, v[:, :, :5]),
        "values with fewer heads than keys": (q, k, v[:, :1]),
        "keys of another number of rows": (q, k[:1], v[:1]),
        "keys in another dtype": (q, k.to(other), v),
        "values in another dtype": (q, k, v.to(other)),
        "a tensor without heads": (q[:, 0], k[:, 0], v[:, 0]),
    }
    for what, inputs in wrong.items():
        _is_refused(kernel, replace(case, name=what), inputs)
    three = replace(case, name="a mask of three rows for two", mask=SequenceMask.causal(lengths.new_tensor([6, 4, 2])))
    _is_refused(kernel, three, (q, k, v))
    if capabilities >= WINDOW:
        none = replace(case, name="a window of 0", mask=replace(case.mask, window=0))
        _is_refused(kernel, none, (q, k, v))


def long_cases(device: torch.device | str) -> Iterator[Case]:
    """Longer than a tile of any kernel, and no multiple of one."""

    def at(*values: int) -> Tensor:
        return torch.tensor(values, device=device)

    causal, full = SequenceMask.causal, SequenceMask.full
    for T in (257, 300):
        ragged = at(T, 130)
        yield Case(name=f"causal, {T} long", queries=T, keys=T, mask=causal(ragged))
        yield Case(name=f"full, {T} long", queries=T, keys=T, mask=full(ragged))
        yield Case(name=f"step, {T} long", queries=1, keys=T, mask=causal(ragged, query_start=ragged - 1))
        yield Case(name=f"chunk, {T} long", queries=70, keys=T, mask=causal(ragged, query_start=ragged - 70))
        zero = at(0, 0)
        mixed = SequenceMask(lengths=ragged, prefix=at(0, 130), query_start=zero)
        yield Case(name=f"mixed, {T} long", queries=T, keys=T, mask=mixed, needs=frozenset({"mixed"}))
        prefix = replace(mixed, prefix=at(129, 65))
        both = frozenset({"mixed", "prefix"})
        yield Case(name=f"prefix, {T} long", queries=T, keys=T, mask=prefix, needs=both)
        window = replace(causal(ragged), window=33)
        yield Case(name=f"window, {T} long", queries=T, keys=T, mask=window, needs=WINDOW)
        sunk = replace(prefix, window=33)
        yield Case(name=f"window behind a prefix, {T} long", queries=T, keys=T, mask=sunk, needs=both | WINDOW)
        offsets = at(0, 129, 130, T)
        packed = PackedMask(offsets=offsets, prefix=at(129, 0, 50))
        yield Case(name=f"packed, {T} long", queries=T, keys=T, mask=packed, needs=frozenset({"packed", "prefix"}))


def window_cases(device: torch.device | str) -> Iterator[Case]:
    """Steps and chunks of rows with a window of 1, 3 and more than the row."""
    both = frozenset({"mixed", "prefix"}) | WINDOW
    for window in (1, 3, 20):
        for start in range(9):
            begin = torch.tensor([start, max(start - 4, 0)], device=device)
            step = replace(SequenceMask.causal(begin + 1, query_start=begin), window=window)
            yield Case(name=f"step {start}, window {window}", queries=1, keys=9, mask=step, needs=WINDOW)
            sunk = replace(step, prefix=torch.minimum(begin + 1, begin.new_tensor([2, 4])), form="mixed")
            yield Case(name=f"step {start}, window {window}, prefix", queries=1, keys=9, mask=sunk, needs=both)
        begin = torch.tensor([5, 2], device=device)
        chunk = replace(SequenceMask.causal(begin + 4, query_start=begin), window=window)
        yield Case(name=f"chunk, window {window}", queries=4, keys=9, mask=chunk, needs=WINDOW)
        sunk = replace(chunk, prefix=begin.new_tensor([2, 4]), form="mixed")
        yield Case(name=f"chunk, window {window}, prefix", queries=4, keys=9, mask=sunk, needs=both)
        whole = SequenceMask(
            lengths=begin.new_tensor([9, 7]), prefix=begin.new_tensor([2, 4]), query_start=begin * 0, window=window
        )
        yield Case(name=f"window {window} behind a prefix", queries=9, keys=9, mask=whole, needs=both)


def _segments_stay_apart(kernel: AttentionKernel, case: Case, inputs: Inputs) -> None:
    assert isinstance(case.mask, PackedMask)
    offsets = case.mask.offsets.tolist()
    for start, end in pairwise(offsets):
        if start == end:
            continue
        inside = torch.zeros(1, 1, offsets[-1], 1, dtype=torch.bool, device=inputs[0].device)
        inside[:, :, start:end] = True
        poisoned = each(inputs, lambda x, inside=inside: x.masked_fill(inside, torch.nan))
        what = f"NaN in the segment {start} … {end - 1}"
        for grad in (False, True):
            _same(kernel, case, inputs, poisoned, what, grad=grad, but=inside)


def _same(
    kernel: AttentionKernel,
    case: Case,
    clean: Inputs,
    poisoned: Inputs,
    what: str,
    *,
    grad: bool,
    but: Tensor | None = None,
) -> None:
    """Outputs, and gradients of what they come from, are those of clean inputs, places in `but` aside."""
    results = []
    for inputs in (clean, poisoned):
        lent = each(inputs, lambda x: x.detach().clone().requires_grad_(grad))
        try:
            out = kernel(*lent, case.mask)
        except UserError as error:
            if grad and cannot_learn(error):
                return
            raise
        weights = torch.linspace(-1, 1, out.numel(), device=out.device).view_as(out)
        if but is not None:
            weights = weights.masked_fill(but, 0.0)
            out = out.masked_fill(but, 0.0)
        if grad:
            backward(out, weights)
        found = {"output": out.detach()} | {f"gradient of {n}": x.grad for n, x in zip("qkv", lent, strict=True)}
        results.append({name: x for name, x in found.items() if x is not None})
    before, after = results
    out_tolerance, grad_tolerance = TOLERANCE[clean[0].dtype]
    for name, wanted in before.items():
        found = after[name] if but is None else after[name].masked_fill(but, 0.0)
        wanted = wanted if but is None else wanted.masked_fill(but, 0.0)
        tolerance = out_tolerance if name == "output" else grad_tolerance
        close(found, wanted, tolerance, f"{described(case, clean, None)}: with {what}, {name}")


def _is_refused(kernel: AttentionKernel, case: Case, inputs: Inputs) -> None:
    try:
        kernel(*inputs, case.mask)
    except UserError:
        return
    except Exception as error:
        raise AssertionError(f"{case.name}: raises {type(error).__name__} in place of UserError") from error
    raise AssertionError(f"{case.name}: answered, expected a UserError")


SHAPE_CHECKS: tuple[Callable[..., None], ...] = (
    equals_the_rule_on_long_rows,
    takes_any_heads_and_widths,
    steps_through_a_window,
    keeps_nan_out,
    refuses_what_does_not_fit,
)
"""Each takes `(kernel, capabilities, *, dtype=torch.float32, device="cpu")`."""
