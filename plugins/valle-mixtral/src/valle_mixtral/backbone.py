"""The `mixtral` backbone: Hugging Face's layers without the embedding, over the core's mask and cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import MixtralConfig, MixtralModel

from valle_core.interfaces import AttentionKernel
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack.stack import Append, AttentionStack, StackSizes, padding
from valle_mixtral.balance import Routing, balance_loss, load_figures
from valle_mixtral.layers import Surroundings, rotation, run_layer


class MixtralBackbone(AttentionStack):
    """Mixtral's layers and final norm (2401.04088); parameters are named as in `transformers.MixtralModel`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: Mixtral has no adaptive norm. Each position
    chooses its experts by itself, so decoding with the cache equals the full forward.
    Without a cache the output carries the loss `router_loss` and the figures of `valle_mixtral.balance`, over valid
    positions only.
    """

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
        config: MixtralConfig = model.config
        sizes = StackSizes(
            d_model=config.hidden_size,
            n_layers=config.num_hidden_layers,
            n_kv_heads=config.num_key_value_heads,
            head_dim=config.head_dim or config.hidden_size // config.num_attention_heads,
            max_length=max_length,
        )
        super().__init__("mixtral", sizes, kernel, gradient_checkpointing=gradient_checkpointing)
        self.config, self.kernel, self.dropout = config, kernel, dropout
        self.layers = model.layers
        self.norm = model.norm

    def shared(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        condition: Float[Tensor, "R C"] | None,
    ) -> Surroundings:
        """The rotation of every position, which of them are valid, and how to train."""
        valid = None
        if isinstance(mask, SequenceMask) and mask.padded:
            valid = (~padding(mask, x.shape[1])).flatten().nonzero()[:, 0]
        return Surroundings(
            kernel=self.kernel,
            rotation=rotation(positions, self.sizes.head_dim, self.config.rope_parameters["rope_theta"], x.dtype),
            valid=valid,
            dropout=self.dropout if self.training else 0.0,
            jitter=self.config.router_jitter_noise if self.training else 0.0,
        )

    def run(
        self,
        index: int,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        shared: Surroundings,
        append: Append | None = None,
    ) -> tuple[Any, ...]:
        """The states, the router's logits and the chosen experts."""
        layer: Any = self.layers[index]
        return run_layer(layer, x, mask, shared, append)

    def report(self, given: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """The loss `router_loss` and the figures."""
        routings = [Routing(logits=logits, chosen=chosen) for logits, chosen in given]
        if not routings:
            return {}
        coefficient = self.config.router_aux_loss_coef
        losses = {"router_loss": coefficient * balance_loss(routings)} if coefficient else {}
        with torch.no_grad():
            return {"losses": losses, "figures": load_figures(routings)}
