"""Sizes of the backbone and what makes them impossible."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerOptions:
    """Options of `--arch transformer`.

    Attributes:
        d_model: width D of the states; even, and a multiple of `n_heads`.
        n_layers: number of layers.
        n_heads: attention heads.
        ffn_mult: width of the feed-forward layer as a multiple of `d_model`.
        dropout: probability after each sublayer and after the positions, while training.
        max_length: longest row.
        adaptive_norm: scale and shift the norms by the condition (the row's level).
        gradient_checkpointing: compute layers twice while training, to hold one layer's activations at a time.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    ffn_mult: int = 4
    dropout: float = 0.0
    max_length: int = 4096
    adaptive_norm: bool = False
    gradient_checkpointing: bool = False


def refuse_impossible(options: TransformerOptions) -> None:
    """Raises `UserError` for sizes no backbone can have."""
    for name in ("d_model", "n_layers", "n_heads", "ffn_mult", "max_length"):
        if getattr(options, name) < 1:
            raise UserError(f"arch.{name} must be at least 1, got {getattr(options, name)}")
    if options.d_model % options.n_heads:
        divisors = [n for n in range(1, options.d_model + 1) if options.d_model % n == 0]
        nearest = min(divisors, key=lambda n: abs(n - options.n_heads))
        raise UserError(
            f"arch.n_heads is {options.n_heads}, which does not divide arch.d_model {options.d_model}. "
            f"Try: --arch.n-heads {nearest}"
        )
    if options.d_model % 2:
        raise UserError(f"arch.d_model is {options.d_model}, sinusoidal positions need an even width")
    if not 0.0 <= options.dropout < 1.0:
        raise UserError(f"arch.dropout must be in [0, 1), got {options.dropout}")
