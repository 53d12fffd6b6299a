"""What a structured mask means for one call of scaled dot product attention, worked out once per mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from valle_core.types import SequenceMask
from valle_kit.last_mask import LastMask


@dataclass(frozen=True, kw_only=True, slots=True)
class SdpaArguments:
    """Arguments of one call.

    Attributes:
        visible: True where a query sees a key, broadcastable to [B, H, Tq, Tk], or None where nothing is hidden
            beyond what `causal` hides.
        causal: query i sees keys 0 … i.
        unused: [B, 1, Tq, 1] queries to clear, or None.
    """

    visible: Tensor | None = None
    causal: bool = False
    unused: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rows with equal numbers of queries and keys, which run together without a mask tensor."""

    rows: list[int]
    queries: int
    keys: int
    arguments: SdpaArguments


class ArgumentsOfMask:
    """Remembers the arguments for the last mask: every layer of a backbone brings the same one."""

    def __init__(self) -> None:
        self._last = LastMask()

    def arguments(self, mask: SequenceMask, Tq: int, Tk: int) -> SdpaArguments:
        """The arguments for a causal or full mask."""
        return self._last.of(mask, (0, Tq, Tk), lambda: _arguments(mask, Tq, Tk))

    def groups(self, mask: SequenceMask, Tq: int, Tk: int) -> list[Group] | None:
        """Groups of equal rows, or None where `arguments` needs no mask tensor. Reads lengths from the device."""
        return self._last.of(mask, (1, Tq, Tk), lambda: _groups(mask, Tq, Tk))


def starts_at_zero(mask: SequenceMask) -> bool:
    """Whether no row has cached keys. Reads the device only where nobody promised it."""
    shared = mask.form == "causal" and mask.query_start is mask.prefix
    return mask.uncached or shared or not any(mask.host.of(mask.query_start))


def _arguments(mask: SequenceMask, Tq: int, Tk: int) -> SdpaArguments:
    causal = mask.form == "causal" and Tq > 1
    if not mask.padded:  # every row fills Tk, so queries stand at its end
        if not causal or Tq == Tk:
            return SdpaArguments(causal=causal)
        return SdpaArguments(visible=torch.ones(Tq, Tk, dtype=torch.bool, device=mask.lengths.device).tril(Tk - Tq))
    p = (mask.query_start[:, None] + torch.arange(Tq, device=mask.lengths.device))[:, None, :, None]  # [B, 1, Tq, 1]
    lengths = mask.lengths[:, None, None, None]
    unused = p >= lengths
    if causal and starts_at_zero(mask):
        return SdpaArguments(causal=True, unused=unused)
    # Key 0 stays visible to queries that see nothing: their weights are then finite, and their output is cleared.
    last = torch.minimum(lengths - 1, p) if mask.form == "causal" else lengths - 1
    visible = torch.arange(Tk, device=p.device) <= last.clamp(min=0)  # [B, 1, Tq or 1, Tk]
    return SdpaArguments(visible=visible, unused=unused)


def _groups(mask: SequenceMask, Tq: int, Tk: int) -> list[Group] | None:
    causal = mask.form == "causal"
    if (not mask.padded and (not causal or Tq in (1, Tk))) or (causal and Tq > 1 and starts_at_zero(mask)):
        return None
    rows: dict[tuple[int, int, int], list[int]] = {}
    for row, (start, length) in enumerate(zip(mask.host.of(mask.query_start), mask.host.of(mask.lengths), strict=True)):
        queries = min(Tq, length - start)
        if queries > 0:
            keys = min(length, start + queries) if causal else length
            rows.setdefault((start, queries, keys), []).append(row)
    return [
        Group(
            rows=members,
            queries=queries,
            keys=keys,
            arguments=_lower_right(queries, keys) if causal else SdpaArguments(),
        )
        for (_, queries, keys), members in rows.items()
    ]


def _lower_right(queries: int, keys: int) -> SdpaArguments:
    if queries == 1:
        return SdpaArguments()
    from torch.nn.attention.bias import causal_lower_right  # here, for it loads TorchDynamo: a second

    return SdpaArguments(causal=True) if queries == keys else SdpaArguments(visible=causal_lower_right(queries, keys))


def gather_groups(
    groups: Sequence[Group],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attend: Callable[[Tensor, Tensor, Tensor, SdpaArguments], Tensor],
) -> Tensor:
    """Run each group by itself and put its rows back; what belongs to no group stays zero."""
    out = q.new_zeros(*q.shape[:3], v.shape[3])
    for group in groups:
        rows, queries, keys = group.rows, group.queries, group.keys
        out[rows, :, :queries] = attend(q[rows, :, :queries], k[rows, :, :keys], v[rows, :, :keys], group.arguments)
    return out
