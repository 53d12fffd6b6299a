"""Conformance suite of attention kernels: every declared mask form against the rule written out in float64.

@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_my_kernel(check):
    check(MyKernel(), SPEC.capabilities)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask

Inputs = tuple[Tensor, Tensor, Tensor]
HEADS, WIDTH = 4, 16
TOLERANCE = {torch.float32: (2e-5, 1e-4), torch.float16: (4e-3, 2e-2), torch.bfloat16: (3e-2, 1e-1)}
"""Largest difference of outputs and of gradients of order one, by dtype."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A mask and the sizes it goes with.

    Attributes:
        name: in the messages of the suite.
        queries: Tq.
        keys: Tk.
        mask: what the kernel is given.
        needs: capabilities it takes; a kernel that lacks one must refuse it.
    """

    name: str
    queries: int
    keys: int
    mask: SequenceMask | PackedMask
    needs: frozenset[str] = frozenset()


def cases(device: torch.device | str = "cpu") -> tuple[Case, ...]:
    """Every mask form, ragged and uniform, with rows of no length, chunks and steps over a cache."""

    def at(*values: int) -> Tensor:
        return torch.tensor(values, device=device)

    ragged, uniform = at(9, 4, 0, 1), at(9, 9, 9, 9)
    causal, full = SequenceMask.causal, SequenceMask.full
    prefixes = SequenceMask(lengths=at(9, 8, 7, 9), prefix=at(0, 8, 3, 5), query_start=at(0, 0, 0, 0))
    mixed = SequenceMask(lengths=at(9, 8, 0, 5), prefix=at(0, 8, 0, 0), query_start=at(0, 0, 0, 0))
    tree = torch.tensor([[-1, 0, 0, 2], [-1, -1, 1, 1], [-1, 0, 1, 2], [-1, 0, -1, 2]], device=device)
    both, prefix = frozenset({"mixed"}), frozenset({"mixed", "prefix"})
    return (
        Case(name="causal", queries=9, keys=9, mask=causal(ragged)),
        Case(name="causal uniform", queries=9, keys=9, mask=replace(causal(uniform), padded=False)),
        Case(name="full", queries=9, keys=9, mask=full(ragged)),
        Case(name="full uniform", queries=9, keys=9, mask=replace(full(uniform), padded=False)),
        Case(name="full chunk", queries=3, keys=9, mask=replace(full(at(9, 5, 0, 3)), query_start=at(6, 3, 0, 0))),
        Case(name="step", queries=1, keys=9, mask=causal(ragged, query_start=at(8, 3, 0, 1))),
        Case(
            name="step uniform",
            queries=1,
            keys=9,
            mask=replace(causal(uniform, query_start=at(8, 8, 8, 8)), padded=False),
        ),
        Case(name="chunk", queries=3, keys=9, mask=causal(at(9, 7, 3, 2), query_start=at(6, 5, 0, 2))),
        Case(
            name="chunk uniform",
            queries=3,
            keys=9,
            mask=replace(causal(uniform, query_start=at(6, 6, 6, 6)), padded=False),
        ),
        Case(
            name="chunk as wide as the keys", queries=9, keys=9, mask=causal(at(9, 8, 9, 2), query_start=at(0, 5, 8, 2))
        ),
        Case(name="one position", queries=1, keys=1, mask=causal(at(1, 1, 0, 1))),
        Case(name="mixed", queries=9, keys=9, mask=mixed, needs=both),
        Case(name="mixed rows of one kind", queries=9, keys=9, mask=replace(full(ragged), form="mixed"), needs=both),
        Case(name="mixed step", queries=1, keys=9, mask=replace(mixed, query_start=at(8, 7, 0, 4)), needs=both),
        Case(name="prefix", queries=9, keys=9, mask=prefixes, needs=prefix),
        Case(name="prefix chunk", queries=4, keys=9, mask=replace(prefixes, query_start=at(5, 4, 4, 9)), needs=prefix),
        Case(name="window", queries=9, keys=9, mask=replace(causal(ragged), window=3), needs=frozenset({"window"})),
        Case(
            name="tree",
            queries=4,
            keys=9,
            mask=replace(causal(at(9, 6, 4, 7), query_start=at(5, 2, 0, 4)), tree=tree),
            needs=frozenset({"tree"}),
        ),
        Case(
            name="packed",
            queries=9,
            keys=9,
            mask=PackedMask(offsets=at(0, 4, 4, 5, 9), prefix=at(0, 0, 1, 2)),
            needs=frozenset({"packed", "prefix"}),
        ),
        Case(
            name="packed full",
            queries=9,
            keys=9,
            mask=PackedMask(offsets=at(0, 3, 9), prefix=at(3, 6)),
            needs=frozenset({"packed"}),
        ),
    )


def equals_the_rule(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Outputs and gradients, one key head per query head and grouped, with and without a scale."""
    for case, (q, k, v) in _declared(capabilities, (HEADS, HEADS // 2, 1), **where):
        seen = visible(case)
        for scale in (None, 0.7):
            inputs = q, k, v = _each((q, k, v), lambda x: x.detach().requires_grad_())
            found = kernel(q, k, v, case.mask, scale=scale)
            exact = _each(inputs, lambda x: x.detach().double().requires_grad_())
            wanted = _by_the_rule(*exact, seen, scale=scale)
            out, grad = TOLERANCE[q.dtype]
            _close(found, wanted, out, f"{case.name}: output")
            weights = torch.linspace(-1, 1, found.numel(), device=found.device).view_as(found)
            _gradients(found, weights)
            _gradients(wanted, weights.double())
            for name, x, y in zip("qkv", inputs, exact, strict=True):
                _close(x.grad, y.grad, grad, f"{case.name}: gradient of {name}")


def clears_queries_past_the_lengths(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Exact zeros, never NaN."""
    for case, (q, k, v) in _declared(capabilities, **where):
        unused = ~visible(case).any(-1)
        found = kernel(q, k, v, case.mask)
        assert not found.transpose(1, 2)[unused].any(), f"{case.name}: padded queries give something else than zeros"


def keeps_padding_out(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Keys no query sees and queries past the lengths change nothing, bit for bit."""
    for case, (q, k, v) in _declared(capabilities, **where):
        seen = visible(case)
        k_unseen = ~seen.any(1)[:, None, :, None]
        q_unused = ~seen.any(2)[:, None, :, None]
        first = kernel(q, k, v, case.mask)
        second = kernel(
            q.masked_fill(q_unused, 99), k.masked_fill(k_unseen, 99), v.masked_fill(k_unseen, 99), case.mask
        )
        assert torch.equal(first, second), f"{case.name}: what lies in the padding changes the result"


def keeps_rows_apart(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """NaN in row 0 reaches no other row."""
    for case, (q, k, v) in _declared(capabilities, **where):
        if isinstance(case.mask, SequenceMask):
            first = torch.tensor([0], device=q.device)
            q, k, v = (
                q.index_fill(0, first, torch.nan),
                k.index_fill(0, first, torch.nan),
                v.index_fill(0, first, torch.nan),
            )
            assert kernel(q, k, v, case.mask)[1:].isfinite().all(), f"{case.name}: NaN of one row reached another"


def writes_nothing(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Neither inputs nor masks are written."""
    for case, inputs in _declared(capabilities, **where):
        tensors = [*inputs, *_tensors(case.mask)]
        before = [x.clone() for x in tensors]
        with torch.no_grad():
            kernel(*inputs, case.mask)
        assert all(map(torch.equal, before, tensors)), f"{case.name}: an input was written to"


def takes_any_layout(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """Heads cut out of a fused projection and keys cut out of a longer buffer."""
    for case, (q, k, v) in _declared(capabilities, **where):
        out, _ = TOLERANCE[q.dtype]
        spread = _each((q, k, v), _spread)
        _close(kernel(*spread, case.mask), kernel(q, k, v, case.mask), out, f"{case.name}: with other strides")


def reads_the_mask_anew(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """A mask whose tensors were written to between two calls is not taken for the old one."""
    for inference in (False, True):
        for case, (q, k, v) in _declared(capabilities, **where):
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


def refuses_what_it_does_not_declare(kernel: AttentionKernel, capabilities: frozenset[str], **where: Any) -> None:
    """`UserError`, not a wrong answer."""
    for case in cases(where.get("device", "cpu")):
        if case.needs <= capabilities:
            continue
        try:
            kernel(*_inputs(case, HEADS, **where), case.mask)
        except UserError:
            continue
        raise AssertionError(f"{case.name}: neither declared ({', '.join(sorted(case.needs))}) nor refused")


CHECKS: tuple[Callable[..., None], ...] = (
    equals_the_rule,
    clears_queries_past_the_lengths,
    keeps_padding_out,
    keeps_rows_apart,
    writes_nothing,
    takes_any_layout,
    reads_the_mask_anew,
    refuses_what_it_does_not_declare,
)
"""Each takes `(kernel, capabilities, *, dtype=torch.float32, device="cpu")` and raises `AssertionError`."""


def visible(case: Case) -> Bool[Tensor, "B Tq Tk"]:
    """Which query sees which key, one by one, as the definition in `SequenceMask` and `PackedMask` says."""
    mask = case.mask
    if isinstance(mask, PackedMask):
        offsets, prefix = mask.offsets.tolist(), mask.prefix.tolist()
        seen = torch.zeros(1, case.queries, case.keys, dtype=torch.bool)
        for s, (start, end) in enumerate(pairwise(offsets)):
            for i in range(start, end):
                for j in range(start, end):
                    seen[0, i, j] = j - start < prefix[s] or j <= i
        return seen.to(mask.offsets.device)
    rows = zip(mask.lengths.tolist(), mask.prefix.tolist(), mask.query_start.tolist(), strict=True)
    seen = torch.zeros(mask.lengths.shape[0], case.queries, case.keys, dtype=torch.bool)
    for b, (length, prefix, start) in enumerate(rows):
        for i in range(min(case.queries, length - start)):
            line = set(range(start)) | _line(mask.tree[b].tolist(), i, start) if mask.tree is not None else None
            for j in range(length):
                ordered = j <= start + i if line is None else j in line
                near = mask.window is None or start + i - j < mask.window
                seen[b, i, j] = j < prefix or (ordered and near)
    return seen.to(mask.lengths.device)


def _line(parents: list[int], i: int, start: int) -> set[int]:
    """Keys of draft i and its ancestors."""
    line = set()
    while i >= 0:
        line.add(start + i)
        i = parents[i]
    return line


def _by_the_rule(q: Tensor, k: Tensor, v: Tensor, seen: Tensor, *, scale: float | None) -> Float[Tensor, "B H Tq Dh"]:
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    some = seen.any(-1)[:, None, :, None]
    weights = scores.masked_fill(~seen[:, None] & some, -torch.inf).softmax(-1)
    return torch.where(some, weights @ v, 0.0)


def _inputs(
    case: Case, key_heads: int, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Inputs:
    rows = 1 if isinstance(case.mask, PackedMask) else case.mask.lengths.shape[0]
    random = torch.Generator().manual_seed(case.queries * 31 + case.keys)
    sizes = ((HEADS, case.queries), (key_heads, case.keys), (key_heads, case.keys))
    q, k, v = (torch.randn(rows, h, t, WIDTH, generator=random).to(device, dtype) for h, t in sizes)
    return q, k, v


def _declared(
    capabilities: frozenset[str], key_heads: tuple[int, ...] = (HEADS // 2,), **where: Any
) -> Iterator[tuple[Case, Inputs]]:
    for case in cases(where.get("device", "cpu")):
        if case.needs <= capabilities:
            for Hk in key_heads:
                yield case, _inputs(case, Hk, **where)


def _each(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    q, k, v = inputs
    return change(q), change(k), change(v)


def _spread(x: Float[Tensor, "B H T Dh"]) -> Float[Tensor, "B H T Dh"]:
    """The same values, heads interleaved with positions, in a buffer twice as long."""
    return torch.cat([x, x], dim=2).transpose(1, 2).contiguous().transpose(1, 2)[:, :, : x.shape[2]]


def _tensors(mask: SequenceMask | PackedMask) -> list[Tensor]:
    return (
        [mask.offsets, mask.prefix] if isinstance(mask, PackedMask) else [mask.lengths, mask.prefix, mask.query_start]
    )


def _gradients(out: Tensor, weights: Tensor) -> None:
    if out.requires_grad:
        (out * weights.to(out.dtype)).sum().backward()


def _close(found: Tensor | None, wanted: Tensor | None, tolerance: float, what: str) -> None:
    if found is None or wanted is None:
        raise AssertionError(f"{what} is missing")
    difference = (found.double() - wanted.double()).abs() / wanted.double().abs().clamp(min=1.0)
    worst = difference.max().item() if difference.isfinite().all() else torch.inf
    assert worst <= tolerance, f"{what} differs by {worst:.2g}, allowed is {tolerance:.2g}"
