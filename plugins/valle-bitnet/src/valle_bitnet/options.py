"""Options of the `bitnet` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError

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
        dropout: dropout of what each sub-layer adds to the residual stream.
        max_length: longest sequence it accepts; no bound when not given.
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
class BitNetSizes:
    """Everything that decides the shapes and the function of the network; as in `BitNetOptions`, defaults filled in."""

    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    ffn_dim: int
    activation: Activation
    rope_theta: float
    norm_eps: float
    max_length: int | None

    @property
    def head_dim(self) -> int:
        """Dh."""
        return self.d_model // self.n_heads

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads", "n_kv_heads", "ffn_dim"):
            if getattr(self, name) < 1:
                raise _refuse(name, getattr(self, name), "must be at least 1")
        if self.d_model % self.n_heads:
            if self.d_model % 2:
                raise _refuse("d_model", self.d_model, "must be even, so that heads have an even width")
            divisors = [n for n in (1, 2, 4, 8, 12, 16, 32) if self.d_model % (2 * n) == 0]
            raise _refuse("n_heads", self.n_heads, f"must divide d_model = {self.d_model}, e.g. {divisors}")
        if self.n_heads % self.n_kv_heads:
            raise _refuse("n_kv_heads", self.n_kv_heads, f"must divide n_heads = {self.n_heads}")
        if self.head_dim % 2:
            reason = f"must give heads of even width for rotary positions, not {self.head_dim}"
            raise _refuse("n_heads", self.n_heads, reason)
        for name in ("rope_theta", "norm_eps"):
            if not getattr(self, name) > 0:
                raise _refuse(name, getattr(self, name), "must be above 0")
        if self.max_length is not None and self.max_length < 1:
            raise _refuse("max_length", self.max_length, "must be at least 1")


def sizes_of(options: BitNetOptions) -> BitNetSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no BitNet can have."""
    default_ffn = -(-options.d_model * 8 // 3 // 64) * 64
    return BitNetSizes(
        d_model=options.d_model,
        n_layers=options.n_layers,
        n_heads=options.n_heads,
        n_kv_heads=options.n_heads if options.n_kv_heads is None else options.n_kv_heads,
        ffn_dim=default_ffn if options.ffn_dim is None else options.ffn_dim,
        activation=options.activation,
        rope_theta=options.rope_theta,
        norm_eps=options.norm_eps,
        max_length=options.max_length,
    )


def _refuse(name: str, value: object, reason: str) -> UserError:
    return UserError(f"arch 'bitnet': {name} {reason}, got {value}")
