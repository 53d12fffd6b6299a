"""Mixed batches and packed segments for an attention kernel that takes only rows of one kind.

Every query of a prefix row is either inside the prefix, where it sees the prefix and nothing else, or behind it,
where it sees what a causal row sees. So causal and full attention are enough for every row: a full run over the
prefix for the queries inside it, a causal run for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import TypeVar, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import HostNumbers, PackedMask, SequenceMask

Rows = slice | Tensor
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rows of one kind, cut to their longest.

    Attributes:
        rows: indices in the batch; a slice where they are neighbours, so that nothing is copied.
        queries: T of the group's queries.
        keys: T of the group's keys.
        mask: the mask of these rows, or the causal one of prefix rows.
        inner: the full mask over the prefixes, for prefix rows only.
        inside: [B, 1, Tq, 1] queries inside the prefix, for prefix rows only.
    """

    rows: Rows
    queries: int
    keys: int
    mask: SequenceMask
    inner: SequenceMask | None = None
    inside: Bool[Tensor, "B 1 Tq 1"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacking:
    """How segments become padded rows and come back.

    Attributes:
        into: [S · T] position of each padded place (places past a segment's end repeat its row's neighbours).
        back: [N] padded place of each position.
        mask: the mask of the padded rows.
    """

    into: Int[Tensor, "S_times_T"]
    back: Int[Tensor, "N"]
    mask: SequenceMask


class MixedRows:
    """An `AttentionKernel` which takes mixed, prefix and packed masks whatever the kernel inside declares.

    What the kernel declares is passed to it untouched, uniform rows always. Reads lengths and prefixes from the
    device once per mask, for mixed and packed ones only; under `torch.compile` it reads nothing and runs both
    ways for all rows instead.

    Attributes:
        kernel: the kernel inside.
        capabilities: what this wrapper takes: the kernel's own words and "mixed", "prefix", "packed".
        packs: whether rows laid end to end cost no more attention than padded ones; a `dense` kernel says otherwise.
    """

    def __init__(self, kernel: AttentionKernel, capabilities: frozenset[str]) -> None:
        self.kernel = kernel
        self.native = capabilities
        self.packs = not getattr(kernel, "dense", False)
        self.capabilities = capabilities | {"mixed", "prefix", "packed"}
        self._last: tuple[object, tuple[int, ...], object] | None = None

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """See `AttentionKernel`. Raises `UserError` for windows and trees the kernel does not declare."""
        if isinstance(mask, PackedMask):
            return self._packed(q, k, v, mask, scale)
        for word, used in (("window", mask.window), ("tree", mask.tree)):
            if used is not None and word not in self.native:
                raise UserError(f"the chosen attention does not take a {word} in its mask. Try: --attention eager")
        if mask.form != "mixed" or {"mixed", "prefix"} <= self.native:
            return self.kernel(q, k, v, mask, scale=scale)
        B, Tq, Tk = q.shape[0], q.shape[2], k.shape[2]
        if Tq == 1 < Tk and mask.window is None:
            step = self._remember(mask, (0, 1), lambda: _step(mask))
            return self.kernel(q, k, v, step, scale=scale)
        if torch.compiler.is_compiling():
            return self._run(_prefix_group(mask, slice(0, B), Tq, Tk), q, k, v, scale=scale)
        groups = self._remember(mask, (1, Tq), lambda: _groups(mask, Tq))
        if "mixed" in self.native and all(group.inner is None for group in groups):
            return self.kernel(q, k, v, mask, scale=scale)
        return _join(groups, q, k, v, partial(self._run, scale=scale))

    def _run(self, group: Group, q: Tensor, k: Tensor, v: Tensor, *, scale: float | None) -> Tensor:
        out = self.kernel(q, k, v, group.mask, scale=scale)
        if group.inner is None or group.inside is None:
            return out
        return torch.where(group.inside, self.kernel(q, k, v, group.inner, scale=scale), out)

    def _packed(self, q: Tensor, k: Tensor, v: Tensor, mask: PackedMask, scale: float | None) -> Tensor:
        if "packed" in self.native:
            return self.kernel(q, k, v, mask, scale=scale)
        plan = self._remember(mask, (q.shape[2],), lambda: _unpacking(mask))
        S = plan.mask.lengths.shape[0]

        def padded(x: Tensor) -> Tensor:  # [1, H, N, Dh] → [S, H, T, Dh]
            return x[0].index_select(1, plan.into).unflatten(1, (S, -1)).transpose(0, 1)

        out = self(padded(q), padded(k), padded(v), plan.mask, scale=scale)
        return out.transpose(0, 1).flatten(1, 2).index_select(1, plan.back)[None]

    def _remember(self, mask: SequenceMask | PackedMask, shape: tuple[int, ...], make: Callable[[], Made]) -> Made:
        """The plan of the last mask: every layer of a backbone brings the same one."""
        tensors = (
            (mask.offsets, mask.prefix)
            if isinstance(mask, PackedMask)
            else (mask.lengths, mask.prefix, mask.query_start)
        )
        # Inference tensors carry no version, so nothing would show that they were written to since.
        if any(t.is_inference() for t in tensors):
            return make()
        stamp = (*shape, torch.is_inference_mode_enabled(), *(t._version for t in tensors))
        last = self._last
        if last is None or last[0] is not mask or last[1] != stamp:
            last = self._last = (mask, stamp, make())
        return cast(Made, last[2])


def _join(groups: list[Group], q: Tensor, k: Tensor, v: Tensor, run: Callable[..., Tensor]) -> Tensor:
    """Run the groups one after the other and put their rows back; what belongs to no group stays zero."""
    parts = [
        run(group, q[group.rows, :, : group.queries], k[group.rows, :, : group.keys], v[group.rows, :, : group.keys])
        for group in groups
    ]
    if len(parts) == 1 and parts[0].shape[::2] == q.shape[::2]:
        return parts[0]
    out = (parts[0] if parts else q).new_zeros(*q.shape[:3], v.shape[3])
    for group, part in zip(groups, parts, strict=True):
        out[group.rows, :, : group.queries] = part
    return out


def _step(mask: SequenceMask) -> SequenceMask:
    """One query over a cache: it is the row's last position, so order hides no key from it."""
    return replace(mask, prefix=mask.lengths, form="full", tree=None)


def _groups(mask: SequenceMask, Tq: int) -> list[Group]:
    """Causal, full and prefix rows of the batch; rows without valid queries belong to none."""
    kinds: dict[str, list[int]] = {"causal": [], "full": [], "prefix": []}
    starts, lengths, prefixes = map(mask.host.of, (mask.query_start, mask.lengths, mask.prefix))
    for row, (start, length, prefix) in enumerate(zip(starts, lengths, prefixes, strict=True)):
        if length > start:
            # A prefix that ends before the first query, or with it, hides nothing that order would show.
            # A prefix that ends with the first query shows nothing that order hides, unless a window or tree hides it.
            hidden = start + 1 if mask.tree is None else start
            causal = prefix == 0 if mask.window else prefix <= hidden
            kinds["causal" if causal else "full" if prefix >= length else "prefix"].append(row)
    return [_group(mask, kind, rows, starts, lengths, Tq) for kind, rows in kinds.items() if rows]


def _group(
    mask: SequenceMask, kind: str, rows: list[int], starts: Sequence[int], lengths: Sequence[int], Tq: int
) -> Group:
    queries, keys = [lengths[row] - starts[row] for row in rows], [lengths[row] for row in rows]
    longest = min(Tq, max(queries))
    neighbours = rows[-1] - rows[0] + 1 == len(rows)
    picked = slice(rows[0], rows[-1] + 1) if neighbours else torch.tensor(rows, device=mask.lengths.device)
    start = mask.query_start[picked]
    zeros = torch.zeros_like(start)
    cut = replace(
        mask,
        lengths=mask.lengths[picked],
        prefix=zeros if kind == "causal" else mask.prefix[picked],
        query_start=start if any(starts[row] for row in rows) else zeros,
        tree=None if mask.tree is None else mask.tree[picked, :longest],
        form="causal" if kind == "causal" else "full" if kind == "full" else "mixed",
        padded=min(queries) < longest or min(keys) < max(keys),
        uncached=not any(starts[row] for row in rows),
    )
    if kind == "prefix":
        return _prefix_group(cut, picked, longest, max(keys))
    return Group(rows=picked, queries=longest, keys=max(keys), mask=cut)


def _prefix_group(mask: SequenceMask, rows: Rows, Tq: int, Tk: int) -> Group:
    """Both runs for these rows: full over the prefix, causal for what lies behind it."""
    if mask.window is not None or mask.tree is not None:
        raise UserError("the chosen attention takes no prefix together with a window or tree. Try: --attention eager")
    p = mask.query_start[:, None] + torch.arange(Tq, device=mask.lengths.device)  # [B, Tq]
    return Group(
        rows=rows,
        queries=Tq,
        keys=Tk,
        mask=replace(mask, prefix=torch.zeros_like(mask.prefix), form="causal"),
        inner=replace(mask, lengths=mask.prefix, form="full", padded=True),
        inside=(p < mask.prefix[:, None])[:, None, :, None],
    )


def _unpacking(mask: PackedMask) -> Unpacking:
    lengths = mask.offsets.diff()
    sizes, prefixes = [end - start for start, end in pairwise(mask.host.of(mask.offsets))], mask.host.of(mask.prefix)
    device = mask.offsets.device
    T, N = max([1, *sizes]), sum(sizes)
    place = torch.arange(T, device=device)
    into = (mask.offsets[:-1, None] + place).clamp(max=max(N - 1, 0)).flatten()
    segment = torch.searchsorted(mask.offsets[1:].contiguous(), torch.arange(N, device=device), right=True)
    back = segment * T + torch.arange(N, device=device) - mask.offsets[segment]
    causal = not any(prefixes)
    full = all(prefix >= size for prefix, size in zip(prefixes, sizes, strict=True))
    zeros = torch.zeros_like(lengths)
    rows = SequenceMask(
        lengths=lengths,
        prefix=zeros if causal else mask.prefix,
        host=HostNumbers(((lengths, sizes), (mask.prefix, prefixes), (zeros, [0] * len(sizes)))),
        query_start=zeros,
        form="causal" if causal else "full" if full else "mixed",
        padded=any(size < T for size in sizes),
        uncached=True,
    )
    return Unpacking(into=into, back=back, mask=rows)
