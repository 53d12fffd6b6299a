"""The backbone: layers of recurrence and feed-forward, each added to the stream, and the final norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask

from acme_package.cache import StateCache
from acme_package.options import AcmeNameOptions
from acme_package.recurrence import Recurrence, RowMasks, row_masks


def build(options: AcmeNameOptions, *, attention: object | None = None) -> AcmeNameBackbone:
    """Factory of the entry point. `attention` comes to those whose spec says `needs={"attention": …}`."""
    return AcmeNameBackbone(options)


class AcmeNameLayer(nn.Module):
    """x + recurrence(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, options: AcmeNameOptions) -> None:
        super().__init__()
        D = options.d_model
        self.mix_norm, self.mix = nn.RMSNorm(D), Recurrence(D, options.longest_memory)
        self.ffn_norm = nn.RMSNorm(D)
        self.up, self.down = nn.Linear(D, options.ffn_mult * D), nn.Linear(options.ffn_mult * D, D)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, x: Float[Tensor, "B T D"], masks: RowMasks, state: Tensor | None) -> tuple[Tensor, Tensor]:
        mixed, end = self.mix(self.mix_norm(x), masks, state)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.down(functional.gelu(self.up(self.ffn_norm(x))))), end


class AcmeNameBackbone(nn.Module):
    """See `valle_core.interfaces.Backbone`.

    The order of a row is that of its places; `positions` and `condition` are not used. A full row must come to an
    empty cache as a whole: its earlier positions see all the later ones.
    """

    max_length = None
    mask_forms = frozenset({"causal", "full", "mixed", "packed"})

    def __init__(self, options: AcmeNameOptions) -> None:
        super().__init__()
        self.d_model = options.d_model
        self.n_layers = options.n_layers
        self.layers = nn.ModuleList(AcmeNameLayer(options) for _ in range(options.n_layers))
        self.norm = nn.RMSNorm(options.d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: StateCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        chosen = range(self.n_layers) if layers is None else layers
        for index in chosen:
            if not 0 <= index < self.n_layers:
                raise UserError(f"layers: there is no layer {index}, choose among 0 … {self.n_layers - 1}")
        masks = row_masks(mask, x.shape[1])
        if cache is not None:
            if isinstance(mask, PackedMask):
                raise UserError("arch 'acme-name' takes no cache with packed segments; give it rows")
            cache.advance(mask, x.shape[1])
        if masks.padding is not None:
            x = x.masked_fill(masks.padding, 0.0)
        kept: dict[int, Tensor] = {}
        for index in chosen:
            x, state = self.layers[index](x, masks, None if cache is None else cache.states[index])
            if cache is not None:
                cache.write(index, state)
            if index in keep:
                kept[index] = x
        return BackboneOutput(h=x, kept=kept)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> StateCache:
        return StateCache(self.n_layers, batch, self.d_model, max_length, dtype, device)
