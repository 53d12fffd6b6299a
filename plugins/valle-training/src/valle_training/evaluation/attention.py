"""Who looked where: the attention of every layer over one row, for backbones that have attention."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.sequence.pack import RowBatch
from valle_core.types import PackedMask, SequenceMask
from valle_kit.mixed_rows import MixedRows


class Watched:
    """An `AttentionKernel` that keeps the weights of the first row, the mean of its heads, layer by layer.

    Attributes:
        maps: [Tq, Tk] of each call.
    """

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.maps: list[Float[Tensor, "Tq Tk"]] = []

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """As the kernel inside, which computes what is returned."""
        if isinstance(mask, SequenceMask):
            self.maps.append(_weights(q[0], k[0], mask, q.shape[-1] ** -0.5 if scale is None else scale))
        return self.kernel(q, k, v, mask, scale=scale)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kernel, name)


def attention_of(model: Any, batch: RowBatch) -> list[Float[Tensor, "T T"]]:
    """The weights of each layer over the first row of a batch, its length long; nothing without attention."""
    length = int(batch.mask.lengths[0])
    with watched(model.backbone) as found, torch.no_grad():
        model(batch)
    return [one[:length, :length].float().cpu() for kernel in found for one in kernel.maps]


@contextmanager
def watched(backbone: nn.Module) -> Iterator[list[Watched]]:
    """Every attention kernel of the backbone keeps its weights meanwhile."""
    found: dict[int, Watched] = {}
    places = [
        (module, name, value)
        for module in backbone.modules()
        for name, value in vars(module).items()
        if isinstance(value, MixedRows)
    ]
    for module, name, value in places:
        setattr(module, name, found.setdefault(id(value), Watched(value)))
    try:
        yield [*found.values()]
    finally:
        for module, name, value in places:
            setattr(module, name, value)


def _weights(
    q: Float[Tensor, "H Tq Dh"], k: Float[Tensor, "Hk Tk Dh"], mask: SequenceMask, scale: float
) -> Float[Tensor, "Tq Tk"]:
    """softmax(q kᵀ scale) over what the first row's queries may see, the mean over the heads."""
    keys = torch.arange(k.shape[1], device=q.device)
    queries = torch.arange(q.shape[1], device=q.device) + mask.query_start[0]
    seen = keys[None] <= queries[:, None]
    if mask.window is not None:
        seen &= queries[:, None] - keys[None] < mask.window
    seen = (seen | (keys < mask.prefix[0])[None]) & (keys < mask.lengths[0])[None]
    logits = (q.float() @ k.float().repeat_interleave(len(q) // len(k), 0).mT) * scale
    return logits.masked_fill(~seen, float("-inf")).softmax(-1).nan_to_num().mean(0)
