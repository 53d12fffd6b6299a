"""The `mixtral` backbone: Hugging Face's layers without the embedding, over the core's mask and cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import MixtralConfig, MixtralModel

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.key_value_cache import KeyValueCache
from valle_mixtral.balance import Routing, balance_loss, load_figures
from valle_mixtral.layers import CacheView, Surroundings, rotation, run_layer
from valle_mixtral.options import MixtralOptions

OWED = frozenset({"causal", "full", "mixed", "packed"})


class MixtralBackbone(nn.Module):
    """Mixtral's layers and final norm (2401.04088); parameters are named as in `transformers.MixtralModel`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: Mixtral has no adaptive norm. Each position
    chooses its experts by itself, so decoding with the cache equals the full forward.
    Without a cache the output carries the loss `router_loss` and the figures of `valle_mixtral.balance`, over valid
    positions only. Mask forms beyond causal, full, mixed and packed are those that the attention kernel declares.
    """

    portable: MixtralOptions | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(
        self,
        model: MixtralModel,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        max_length: int | None = None,
        gradient_checkpointing: bool = False,
    ) -> None:
        """
        Args:
            model: its layers and norm are taken over, with their weights; made for `valle_mixtral.layers.ATTENTION`.
            kernel: reads the core's masks.
            dropout: of what each sub-layer adds to the residual stream.
            max_length: longest row, or None.
            gradient_checkpointing: recompute layers in the backward pass.
        """
        super().__init__()
        self.config: MixtralConfig = model.config
        self.kernel = kernel
        self.dropout = dropout
        self.d_model: int = self.config.hidden_size
        self.n_layers: int = self.config.num_hidden_layers
        self.max_length = max_length
        declared = getattr(kernel, "capabilities", frozenset())
        self.mask_forms = OWED | (declared & {"prefix", "window", "tree"})
        self.gradient_checkpointing = gradient_checkpointing
        self.layers = model.layers
        self.norm = model.norm

    @property
    def head_dim(self) -> int:
        """Dh."""
        return self.config.head_dim or self.d_model // self.config.num_attention_heads

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
        past = None
        if cache is not None:
            if isinstance(mask, PackedMask):
                raise UserError("arch 'mixtral' decodes rows, not packed segments: give a cache with a SequenceMask")
            past = CacheView(cache, cache.open(mask, T))
        if not len(x):  # transformers' layers cannot shape a batch of no rows
            return BackboneOutput(h=x, kept=dict.fromkeys(keep, x))
        self._check_length(cache.longest if cache is not None else T)
        valid = None
        if isinstance(mask, SequenceMask) and mask.padded:
            padding = mask.query_start[:, None] + torch.arange(T, device=x.device) >= mask.lengths[:, None]
            x = x.masked_fill(padding[..., None], 0.0)
            valid = (~padding).flatten().nonzero()[:, 0]
        around = Surroundings(
            mask=mask,
            kernel=self.kernel,
            rotation=rotation(positions, self.head_dim, self.config.rope_parameters["rope_theta"], x.dtype),
            valid=valid,
            dropout=self.dropout if self.training else 0.0,
            jitter=self.config.router_jitter_noise if self.training else 0.0,
        )
        recompute = self.gradient_checkpointing and self.training and cache is None and torch.is_grad_enabled()
        kept: dict[int, Tensor] = {}
        routings: list[Routing] = []
        for index in range(self.n_layers) if layers is None else layers:
            if recompute:
                x, logits, chosen = checkpoint(run_layer, self.layers[index], x, around, use_reentrant=False)
            else:
                x, logits, chosen = run_layer(self.layers[index], x, around, past)
            routings.append(Routing(logits=logits, chosen=chosen))
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
            return BackboneOutput(h=x, kept=kept)
        return BackboneOutput(h=x, kept=kept, losses=self._losses(routings), figures=_figures(routings))

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> KeyValueCache:
        self._check_length(max_length)
        heads = self.config.num_key_value_heads
        return KeyValueCache(self.n_layers, batch, heads, self.head_dim, max_length, dtype, device)

    def _losses(self, routings: Sequence[Routing]) -> dict[str, Tensor]:
        coefficient = self.config.router_aux_loss_coef
        return {"router_loss": coefficient * balance_loss(routings)} if coefficient and routings else {}

    def _check_length(self, length: int) -> None:
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch 'mixtral' was built for at most {self.max_length} positions and got {length}; "
                "shorten the input or raise max_length"
            )


@torch.no_grad()
def _figures(routings: Sequence[Routing]) -> dict[str, Tensor]:
    return load_figures(routings) if routings else {}
