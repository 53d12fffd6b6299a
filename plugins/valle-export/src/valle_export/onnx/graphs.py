"""The graphs as modules, small enough to be read beside `valle_core.model.codec_lm`.

Rows are one at a time. A position is the sum of the table rows that `indices` names; the row behind the last is zero,
so that positions of fewer rows are filled up with it.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.api import UserError
from valle_core.types import SequenceMask
from valle_kit.attention_stack.stack import AttentionStack
from valle_kit.pointer_graphs import HasPointerGraphs, PointerGraphs


@runtime_checkable
class HasGraph(Protocol):
    """A codec whose decoder can be exported."""

    def graph(self) -> nn.Module:
        """A module of its own: codes [1, F, L] → sound [1, N], in operations of float32 that runtimes have."""
        ...


Attended = Float[Tensor, "1 H Tq Dh"]


class PlainAttention:
    """softmax(q kᵀ / √Dh) v in the operations that every runtime has: causal behind what is cached, or full."""

    def __init__(self, *, causal: bool) -> None:
        self._causal = causal

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, mask: Any, *, scale: float | None = None) -> Attended:
        (H, Tq, Dh), (Hk, Tk) = q.shape[1:], k.shape[1:3]
        if Hk != H:
            k, v = (one.repeat_interleave(H // Hk, dim=1) for one in (k, v))
        scores = q @ k.transpose(-1, -2) * (Dh**-0.5 if scale is None else scale)
        if self._causal:
            place = torch.arange(Tq, device=q.device)[:, None] + (Tk - Tq)
            later = torch.arange(Tk, device=q.device)[None] > place
            scores = scores + torch.where(later, float("-inf"), 0.0)
        return scores.softmax(-1) @ v


class _Rows(nn.Module):
    """What both graphs share: a backbone of attention over summed table rows."""

    def __init__(self, model: Any, *, causal: bool) -> None:
        super().__init__()
        model = copy.deepcopy(model).eval()
        self.backbone = with_attention(model.backbone, PlainAttention(causal=causal))
        rows = model.embedding.rows().detach()
        self.table = nn.Parameter(torch.cat([rows, torch.zeros_like(rows[:1])]))
        levels = model.vocabulary.ranges()["level"]
        self.conditions = nn.Parameter(model.embedding.table[levels.start : levels.stop].detach().clone())
        heads = [model.heads.matrix(level, model.embedding) for level in range(model.vocabulary.num_levels)]
        self.heads = [(weight.detach(), bias.detach()) for weight, bias in heads]

    def embed(self, indices: Int[Tensor, "1 T K"]) -> Float[Tensor, "1 T D"]:
        return self.table[indices].sum(2)


class DecodingStep(_Rows):
    """The next code of level 0, from new positions and the keys and values of all before them."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, causal=True)
        weight, bias = self.heads[0]
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())

    def forward(
        self, indices: Int[Tensor, "1 T K"], keys: Float[Tensor, "L 1 Hk S Dh"], values: Float[Tensor, "L 1 Hk S Dh"]
    ) -> tuple[Float[Tensor, "1 V"], Float[Tensor, "L 1 Hk A Dh"], Float[Tensor, "L 1 Hk A Dh"]]:
        """Logits behind the last position, and all keys and values."""
        h, kept = self.state(self.embed(indices), keys, values)
        return F.linear(h, self.weight, self.bias), *kept

    def state(
        self, x: Float[Tensor, "1 T D"], keys: Float[Tensor, "L 1 Hk S Dh"], values: Float[Tensor, "L 1 Hk S Dh"]
    ) -> tuple[Float[Tensor, "1 D"], tuple[Tensor, Tensor]]:
        """The finished state of the last position, and all keys and values."""
        T, S = x.shape[1], keys.shape[3]
        positions = (torch.arange(T, device=x.device) + S)[None]
        zeros = torch.zeros(1, dtype=torch.long, device=x.device)
        mask = SequenceMask(lengths=zeros + T + S, prefix=zeros, query_start=zeros + S, form="causal", padded=False)
        backbone = self.backbone
        shared = backbone.shared(x, mask, positions, self.conditions[:1])
        x = backbone.enter(x, positions)
        kept: list[tuple[Tensor, Tensor]] = []

        for layer in range(backbone.n_layers):

            def append(k: Tensor, v: Tensor, layer: int = layer) -> tuple[Tensor, Tensor]:
                kept.append((torch.cat([keys[layer], k], 2), torch.cat([values[layer], v], 2)))
                return kept[-1]

            x = backbone.run(layer, x, mask, shared, append)[0]
        return backbone.finish(x[:, -1]), (torch.stack([k for k, _ in kept]), torch.stack([v for _, v in kept]))


class PointedStep(DecodingStep):
    """The same with a pointer, which says what is added to each position and is told when to go on."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.advance = pointer_graphs(model.alignment).advance

    def forward(
        self,
        indices: Int[Tensor, "1 T K"],
        keys: Float[Tensor, "L 1 Hk S Dh"],
        values: Float[Tensor, "L 1 Hk S Dh"],
        guide: Float[Tensor, "1 T D"],
    ) -> tuple[Float[Tensor, "1 V"], Float[Tensor, "L 1 Hk A Dh"], Float[Tensor, "L 1 Hk A Dh"], Float[Tensor, "1"]]:
        """As without, and the log odds that the frame answered is the last of its unit."""
        h, kept = self.state(self.embed(indices) + guide, keys, values)
        return F.linear(h, self.weight, self.bias), *kept, self.advance(h)


class OtherLevel(_Rows):
    """The codes of a level ≥ 1, all frames in one pass."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, causal=False)
        self.weight = nn.Parameter(torch.stack([weight for weight, _ in self.heads[1:]]))
        self.bias = nn.Parameter(torch.stack([bias for _, bias in self.heads[1:]]))

    def forward(self, indices: Int[Tensor, "1 T K"], level: Int[Tensor, "1"]) -> Float[Tensor, "1 T V"]:
        """Logits of a level at every position."""
        return self.logits(self.embed(indices), level)

    def logits(self, x: Float[Tensor, "1 T D"], level: Int[Tensor, "1"]) -> Float[Tensor, "1 T V"]:
        """The same of embedded positions."""
        T = x.shape[1]
        positions = torch.arange(T, device=x.device)[None]
        zeros = torch.zeros(1, dtype=torch.long, device=x.device)
        mask = SequenceMask(lengths=zeros + T, prefix=zeros + T, query_start=zeros, form="full", padded=False)
        backbone = self.backbone
        shared = backbone.shared(x, mask, positions, self.conditions[level])
        x = backbone.enter(x, positions)
        for layer in range(backbone.n_layers):
            x = backbone.run(layer, x, mask, shared)[0]
        return F.linear(backbone.finish(x), self.weight[level - 1][0], self.bias[level - 1][0])


class PointedLevel(OtherLevel):
    """The same with what a pointer adds to each position."""

    def forward(
        self, indices: Int[Tensor, "1 T K"], level: Int[Tensor, "1"], guide: Float[Tensor, "1 T D"]
    ) -> Float[Tensor, "1 T V"]:
        """Logits of a level at every position."""
        return self.logits(self.embed(indices) + guide, level)


def pointer_graphs(alignment: Any) -> PointerGraphs:
    """The modules of an alignment. Raises `UserError` where it offers none."""
    if not isinstance(alignment, HasPointerGraphs):
        raise UserError(
            f"format onnx cannot export the alignment {type(alignment).__name__}, which offers no graphs; "
            "train with --alignment pointer or none"
        )
    return alignment.graphs()


def attention_stack(backbone: Any) -> AttentionStack:
    """The backbone. Raises `UserError` where it is not made of attention layers with one cache of keys and values."""
    if not isinstance(backbone, AttentionStack) or not hasattr(backbone.sizes, "n_kv_heads"):
        raise UserError(
            f"format onnx exports backbones of attention layers, got {type(backbone).__name__}; train with --arch llama"
        )
    return backbone


def with_attention(backbone: nn.Module, kernel: PlainAttention) -> AttentionStack:
    """The backbone with another kernel in each of its layers. Raises `UserError` where it has none."""
    stack = attention_stack(backbone)
    holders: list[Any] = [one for one in stack.modules() if callable(getattr(one, "kernel", None))]
    for module in holders:
        module.kernel = kernel
    if not holders:
        raise UserError(f"format onnx finds no attention in {type(backbone).__name__}; train with --arch llama")
    return stack
