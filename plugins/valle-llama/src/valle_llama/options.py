"""Options of the `llama` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from valle_kit.attention_stack.rotary_sizes import RotarySizes


@dataclass(frozen=True, kw_only=True, slots=True)
class LlamaOptions:
    """Options of `--arch llama`.

    Attributes:
        d_model: width of the model.
        n_layers: number of layers.
        n_heads: query heads; must divide d_model into an even head width.
        n_kv_heads: key and value heads, a divisor of n_heads; as many as query heads when not given.
        ffn_dim: width of the feed-forward layer; two thirds of 4 · d_model, rounded up to 64, when not given.
        rope_theta: base of the rotary frequencies.
        norm_eps: epsilon of the RMS norms.
        dropout: dropout probability of each sub-layer's output.
        max_length: maximum sequence length; no limit when not given.
        gradient_checkpointing: recompute the layers in the backward pass to save memory.
        decode_step: how a cached step of one position runs on a CPU in float32: "fused" is one compiled function over
            the same weights (needs numba), "layers" the general path, "auto" the first where it can run.
        weights: folder written by `LlamaModel.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: int | None = None
    ffn_dim: int | None = None
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    dropout: float = 0.0
    max_length: int | None = None
    gradient_checkpointing: bool = False
    decode_step: Literal["auto", "fused", "layers"] = "auto"
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LlamaSizes(RotarySizes):
    """See `RotarySizes`."""

    arch: ClassVar[str] = "llama"
