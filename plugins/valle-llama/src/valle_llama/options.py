"""Options of the `llama` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


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
        dropout: dropout of what each sub-layer adds to the residual stream.
        max_length: longest sequence it accepts; no bound when not given.
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
class LlamaSizes:
    """Everything that decides the shapes and the function of the network.

    Attributes:
        head_dim: Dh; q, k, v are n_heads · Dh and n_kv_heads · Dh wide.
        The others as in `LlamaOptions`, with every default filled in.
    """

    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn_dim: int
    rope_theta: float
    norm_eps: float
    max_length: int | None

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads", "n_kv_heads", "head_dim", "ffn_dim"):
            if getattr(self, name) < 1:
                raise _refuse(name, getattr(self, name), "must be at least 1")
        if self.n_heads % self.n_kv_heads:
            raise _refuse("n_kv_heads", self.n_kv_heads, f"must divide n_heads = {self.n_heads}")
        if self.head_dim % 2:
            raise _refuse(
                "n_heads", self.n_heads, f"must give heads of even width for rotary positions, not {self.head_dim}"
            )
        if not self.rope_theta > 0:
            raise _refuse("rope_theta", self.rope_theta, "must be above 0")
        if not self.norm_eps > 0:
            raise _refuse("norm_eps", self.norm_eps, "must be above 0")
        if self.max_length is not None and self.max_length < 1:
            raise _refuse("max_length", self.max_length, "must be at least 1")


def sizes_of(options: LlamaOptions) -> LlamaSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no LLaMA can have."""
    if options.n_heads < 1 or options.d_model % options.n_heads:
        if options.d_model % 2:
            raise _refuse("d_model", options.d_model, "must be even, so that heads have an even width")
        divisors = [n for n in (1, 2, 4, 8, 12, 16, 32) if options.d_model % (2 * n) == 0]
        raise _refuse("n_heads", options.n_heads, f"must divide d_model = {options.d_model}, e.g. {divisors}")
    default_ffn = -(-options.d_model * 8 // 3 // 64) * 64
    return LlamaSizes(
        d_model=options.d_model,
        n_layers=options.n_layers,
        n_heads=options.n_heads,
        n_kv_heads=options.n_heads if options.n_kv_heads is None else options.n_kv_heads,
        head_dim=options.d_model // options.n_heads,
        ffn_dim=default_ffn if options.ffn_dim is None else options.ffn_dim,
        rope_theta=options.rope_theta,
        norm_eps=options.norm_eps,
        max_length=options.max_length,
    )


def _refuse(name: str, value: object, reason: str) -> UserError:
    return UserError(f"arch 'llama': {name} {reason}, got {value}")
