"""Runs one of Hugging Face's Mixtral layers over the core's mask, kernel and cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface
from transformers.models.mixtral.modeling_mixtral import MixtralDecoderLayer

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack import rotary
from valle_kit.attention_stack.stack import Append
from valle_mixtral.balance import Routing

ATTENTION = "valle_mixtral"
"""The name under which `attend` stands in transformers' attention registry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What all layers of one forward share.

    Attributes:
        kernel: reads the core's masks.
        rotation: cosines and sines, each [B, T, Dh].
        valid: [N] places in B · T of what is no padding; None where nothing is padded.
        dropout: of what each sub-layer adds, 0 outside training.
        jitter: of the experts' input, 0 outside training.
    """

    kernel: AttentionKernel
    rotation: tuple[Float[Tensor, "B T Dh"], Float[Tensor, "B T Dh"]]
    valid: Int[Tensor, "N"] | None
    dropout: float
    jitter: float


class CacheView:
    """One layer's part of our cache in this forward, as transformers' attention calls it."""

    def __init__(self, append: Append) -> None:
        self._append = append

    def update(self, keys: Tensor, values: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Keep what is new; gives all there is."""
        return self._append(keys, values)


def attend(
    module: nn.Module,
    query: Float[Tensor, "B H Tq Dh"],
    key: Float[Tensor, "B Hk Tk Dh"],
    value: Float[Tensor, "B Hk Tk Dh"],
    attention_mask: SequenceMask | PackedMask,
    *,
    kernel: AttentionKernel,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Float[Tensor, "B Tq H Dh"], None]:
    """Called by transformers' attention module, which hands the mask and the kernel on as they are."""
    out = kernel(query.to(value.dtype), key.to(value.dtype), value, attention_mask, scale=scaling)
    return out.transpose(1, 2).contiguous(), None


def register() -> None:
    """Make `attend` known to transformers; doing it again changes nothing."""
    AttentionInterface.register(ATTENTION, attend)


def run_layer(
    layer: MixtralDecoderLayer,
    x: Float[Tensor, "B T D"],
    mask: SequenceMask | PackedMask,
    around: Surroundings,
    append: Append | None,
) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "N E"], Int[Tensor, "N k"]]:
    """States, router logits and chosen experts of the valid positions."""
    if not len(x):  # transformers' layers cannot shape a batch of no rows
        router = layer.mlp.gate
        return x, x.new_zeros(0, router.num_experts), x.new_zeros(0, router.top_k, dtype=torch.long)
    attended, _ = layer.self_attn(
        layer.input_layernorm(x),
        position_embeddings=around.rotation,
        attention_mask=mask,
        past_key_values=None if append is None else CacheView(append),
        kernel=around.kernel,
    )
    x = x + F.dropout(attended, around.dropout)
    mixed, routing = _experts(layer, layer.post_attention_layernorm(x), around)
    return x + F.dropout(mixed, around.dropout), routing.logits, routing.chosen


def _experts(
    layer: MixtralDecoderLayer, x: Float[Tensor, "B T D"], around: Surroundings
) -> tuple[Float[Tensor, "B T D"], Routing]:
    """The experts each valid position chooses; padded positions are sent to none and get zeros."""
    flat = x.flatten(0, 1)
    tokens = flat if around.valid is None else flat[around.valid]
    if around.jitter:
        tokens = tokens * torch.empty_like(tokens).uniform_(1 - around.jitter, 1 + around.jitter)
    logits, weights, chosen = layer.mlp.gate(tokens)
    out = layer.mlp.experts(tokens, chosen, weights) if len(tokens) else tokens
    if around.valid is not None:
        out = torch.zeros_like(flat).index_copy(0, around.valid, out)
    return out.view_as(x), Routing(logits=logits, chosen=chosen)


def rotation(
    positions: Int[Tensor, "B T"], width: int, theta: float, dtype: torch.dtype
) -> tuple[Float[Tensor, "B T Dh"], Float[Tensor, "B T Dh"]]:
    """Cosines and sines as transformers wants them, whose own module rounds its frequencies in half precision."""
    cos, sin = rotary.rotation(positions, rotary.rotary_frequencies(width, theta, positions.device), dtype)
    return cos[:, 0], sin[:, 0]
