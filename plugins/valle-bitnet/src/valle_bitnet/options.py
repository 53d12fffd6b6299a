"""Options of the `bitnet` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from valle_kit.attention_stack.rotary_sizes import RotarySizes

Activation = Literal["relu2", "silu"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BitNetOptions:
    """Options of `--arch bitnet`.

    Attributes:
        d_model: width of the model.
        n_layers: number of layers.
        n_heads: query heads; must divide d_model into an even head width.
        n_kv_heads: key and value heads, a divisor of n_heads; as many as query heads when not given.
        ffn_dim: width of the feed-forward layer; two thirds of 4 · d_model, rounded up to 64, when not given.
        activation: gate activation: "relu2" is relu(x)² (BitNet b1.58 2B4T), "silu" makes it SwiGLU (BitNet b1.58).
        rope_theta: base of the rotary frequencies.
        norm_eps: epsilon of the RMS norms.
        dropout: dropout probability of each sub-layer's output.
        max_length: maximum sequence length; no limit when not given.
        gradient_checkpointing: recompute the layers in the backward pass to save memory.
        weights: folder of a `BitNetModel` with unpacked weights (safetensors) to start from; it also gives the sizes.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int | None = None
    ffn_dim: int | None = None
    activation: Activation = "relu2"
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    dropout: float = 0.0
    max_length: int | None = None
    gradient_checkpointing: bool = False
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BitNetSizes(RotarySizes):
    """See `RotarySizes`; the activation is that of `BitNetOptions`."""

    arch: ClassVar[str] = "bitnet"

    activation: Activation


def sizes_of(options: BitNetOptions) -> BitNetSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no BitNet can have."""
    return BitNetSizes.of(options, activation=options.activation)
