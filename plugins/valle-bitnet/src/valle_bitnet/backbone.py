"""The `bitnet` backbone: a LLaMA-like transformer whose linear layers are all `BitLinear`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_bitnet.layers import Layer, rotation
from valle_bitnet.options import BitNetOptions, BitNetSizes
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.key_value_cache import KeyValueCache, Places

INITIAL_STD = 0.02
"""Standard deviation of fresh matrices."""

OWED = frozenset({"causal", "full", "mixed", "packed"})


class BitNetBackbone(nn.Module):
    """BitNet layers and final norm; parameters are named as in `transformers.BitNetModel` minus `embed_tokens`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: there is no adaptive norm. States are rounded
    inside, so what differs in the last place before a rounding (one attention kernel and another) may differ by a
    whole step after it. Mask forms beyond causal, full, mixed and packed are those that the attention kernel declares.
    """

    portable: BitNetOptions | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(
        self,
        sizes: BitNetSizes,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.d_model, self.n_layers, self.max_length = sizes.d_model, sizes.n_layers, sizes.max_length
        declared = getattr(kernel, "capabilities", frozenset())
        self.mask_forms = OWED | (declared & {"prefix", "window", "tree"})
        self.gradient_checkpointing = gradient_checkpointing
        self.layers = nn.ModuleList(Layer(sizes, kernel, dropout) for _ in range(sizes.n_layers))
        self.norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=INITIAL_STD)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "B C"] | None = None,
        cache: KeyValueCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        T = x.shape[1]
        places = self._open(cache, mask, T)
        self._check_length(T if cache is None else cache.longest)
        if isinstance(mask, SequenceMask) and mask.padded:
            at = mask.query_start[:, None] + torch.arange(T, device=x.device)
            x = x.masked_fill((at >= mask.lengths[:, None])[..., None], 0.0)
        by = rotation(positions, self.sizes, x.dtype)
        recompute = self.gradient_checkpointing and self.training and cache is None and torch.is_grad_enabled()
        kept: dict[int, Tensor] = {}
        for index in range(self.n_layers) if layers is None else layers:
            layer = self.layers[index]
            if cache is not None and places is not None:
                x = layer(x, mask, by, partial(cache.append, index, places))
            else:
                x = checkpoint(layer, x, mask, by, use_reentrant=False) if recompute else layer(x, mask, by)
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=x, kept=kept)

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> KeyValueCache:
        self._check_length(max_length)
        heads, width = self.sizes.n_kv_heads, self.sizes.head_dim
        return KeyValueCache(self.n_layers, batch, heads, width, max_length, dtype, device)

    def _open(self, cache: KeyValueCache | None, mask: SequenceMask | PackedMask, new: int) -> Places | None:
        if cache is None:
            return None
        if isinstance(mask, PackedMask):
            raise UserError("arch 'bitnet' decodes rows, not packed segments: give a cache only with a SequenceMask")
        return cache.open(mask, new)

    def _check_length(self, length: int) -> None:
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch 'bitnet' was built for at most {self.max_length} positions and got {length}; "
                "shorten the input or raise max_length"
            )
