"""The backbone `acme-retention`: layers, and what surrounds them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from acme_valle.cache import RetentionCache
from acme_valle.distance import Distances, decay, distances
from acme_valle.options import RetentionOptions
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask


def build(options: RetentionOptions, *, attention: AttentionKernel | None) -> RetentionBackbone:
    """Factory of `acme-retention`; it needs no attention kernel."""
    return RetentionBackbone(options)


class Retention(nn.Module):
    """Σ γ^|t − s| (q · k) v over the keys a query sees (2307.08621, equation 5), then the state of equation 6.

    The values that came before the new positions are in the state `S = Σ γ^(last − s) k vᵀ`.
    """

    rate: Float[Tensor, "H"]

    def __init__(self, options: RetentionOptions) -> None:
        super().__init__()
        D, self.heads = options.d_model, options.n_heads
        self.qkv = nn.Linear(D, 3 * D)
        self.gate = nn.Linear(D, D)
        self.out = nn.Linear(D, D)
        half_lives = 2.0 ** torch.linspace(1, 6, options.n_heads)  # 2 to 64 positions
        self.register_buffer("rate", -torch.log(torch.tensor(2.0)) / half_lives, persistent=False)

    def forward(
        self, x: Float[Tensor, "B T D"], at: Distances, past: Float[Tensor, "B H Dh Dh"] | None
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H Dh Dh"] | None]:
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each [B, H, T, Dh]
        q = q * q.shape[-1] ** -0.5
        weights = decay(self.rate, at.apart).transpose(0, 1) * at.seen[:, None]  # [B, H, T, T]
        y = (q @ k.mT * weights.to(q.dtype)) @ v
        after = None
        if past is not None:
            y = y + decay(self.rate, at.since).transpose(0, 1)[..., None].to(q.dtype) * (q @ past)
            aged = decay(self.rate, at.age).transpose(0, 1) * at.valid[:, None]
            after = decay(self.rate, at.new).T[..., None, None].to(past.dtype) * past
            after = after + (k * aged[..., None].to(k.dtype)).mT @ v
        y = functional.rms_norm(y, y.shape[-1:], eps=1e-3).transpose(1, 2).reshape(B, T, D)
        return self.out(functional.silu(self.gate(x)) * y), after


class Layer(nn.Module):
    """x + retention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, options: RetentionOptions) -> None:
        super().__init__()
        D = options.d_model
        self.retention_norm, self.feed_forward_norm = nn.LayerNorm(D), nn.LayerNorm(D)
        self.retention = Retention(options)
        self.feed_forward = nn.Sequential(nn.Linear(D, 3 * D), nn.GELU(), nn.Linear(3 * D, D))
        self.dropout = nn.Dropout(options.dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], at: Distances, past: Float[Tensor, "B H Dh Dh"] | None
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H Dh Dh"] | None]:
        y, after = self.retention(self.retention_norm(x), at, past)
        x = x + self.dropout(y)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x.masked_fill(~at.valid[..., None], 0.0), after


class RetentionBackbone(nn.Module):
    """See `valle_core.interfaces.Backbone`. Order comes from the decay, `positions` are not read."""

    max_length = None
    mask_forms = frozenset({"causal", "full", "mixed", "packed"})

    def __init__(self, options: RetentionOptions) -> None:
        super().__init__()
        self.d_model, self.n_layers, self.heads = options.d_model, options.n_layers, options.n_heads
        self.layers = nn.ModuleList(Layer(options) for _ in range(options.n_layers))
        self.norm = nn.LayerNorm(options.d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: RetentionCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """See `Backbone`."""
        if cache is not None:
            if isinstance(mask, PackedMask):
                raise UserError("arch 'acme-retention' takes no cache with packed segments; give it rows")
            cache.advance(mask.lengths)
        at = distances(mask, x.shape[1])
        x, kept = x.masked_fill(~at.valid[..., None], 0.0), {}
        for index in range(self.n_layers) if layers is None else layers:
            x, after = self.layers[index](x, at, None if cache is None else cache.states[index])
            if cache is not None:
                cache.states[index] = after.detach()
            if index in keep:
                kept[index] = x
        return BackboneOutput(h=x, kept=kept)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Layer norm."""
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> RetentionCache:
        """Matrices of zeros."""
        width = self.d_model // self.heads
        return RetentionCache(self.n_layers, batch, self.heads, width, max_length, dtype, device)
