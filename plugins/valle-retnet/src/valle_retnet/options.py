"""Options of the RetNet backbones, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from valle_core.plugin import BEFORE, UserError

SPREAD = (5.0, 12.0)
"""Half-lives from 22 to 2,839 positions: from a phoneme to a row."""

MOST_HEADS = 19
"""With the paper's decays head h keeps 1 − 2^(−5−h) a step, which float32 cannot tell from 1 beyond this many."""

LARGEST_EXPONENT = 23.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RetNetOptions:
    """Options of `--arch retnet` and `--arch retnet-hf`.

    Attributes:
        d_model: width of the model.
        n_layers: number of layers.
        n_heads: retention heads; must divide d_model into an even width.
        decays: decay exponents e of the first and last head, evenly spaced between; a head keeps 1 − 2^−e a step
            (half-life about 0.69 · 2^e positions). Empty: the paper's 5, 6, 7 …, as torchscale's weights have them.
        value_dim: width of all heads' values together, a multiple of n_heads; 2 · d_model when not given.
        ffn_dim: width of the gated feed-forward layer; 4/3 · d_model, rounded up to 64, when not given.
        activation: activation of the feed-forward layer, "gelu" or "swish".
        norm_eps: epsilon of all RMS norms, those of the heads included.
        dropout: dropout probability of each sub-layer's output.
        max_length: maximum sequence length; no limit when not given.
        gradient_checkpointing: recompute the layers in the backward pass to save memory.
        form: how rows are computed. "parallel" is quadratic in their length, "chunkwise" linear, "recurrent" goes
            step by step (slow, for checking); "auto" is the first for short rows and the second for others.
        chunk_size: positions of a chunk of the chunkwise form.
        engine: "own", or "torchscale" to run the original's layers (causal rows without a cache only; `retnet` only).
        full_rows: "bidirectional" reads full rows and prefixes both ways. "causal" is an ablation: they are read one
            way, so that the promise of full rows does not hold.
        n_experts: feed-forward experts of each layer; 0 for one plain feed-forward.
        experts_per_token: experts each position goes to.
        router_loss: factor of the loss that spreads positions over the experts.
        weights: folder or safetensors file of torchscale's or our weights to start from; it also gives the sizes.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    decays: tuple[float, ...] = field(default=SPREAD, metadata={BEFORE: ()})
    value_dim: int | None = None
    ffn_dim: int | None = None
    activation: Literal["gelu", "swish"] = "gelu"
    norm_eps: float = 1e-6
    dropout: float = 0.0
    max_length: int | None = None
    gradient_checkpointing: bool = False
    form: Literal["auto", "parallel", "chunkwise", "recurrent"] = "auto"
    chunk_size: int = 128
    engine: Literal["own", "torchscale"] = "own"
    full_rows: Literal["bidirectional", "causal"] = "bidirectional"
    n_experts: int = 0
    experts_per_token: int = 2
    router_loss: float = 0.01
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetNetSizes:
    """Everything that decides the shapes and the function of the network.

    Attributes:
        As in `RetNetOptions`, with every default filled in.
    """

    d_model: int
    n_layers: int
    n_heads: int
    decays: tuple[float, ...]
    value_dim: int
    ffn_dim: int
    activation: str
    norm_eps: float
    max_length: int | None
    full_rows: str
    n_experts: int
    experts_per_token: int

    @property
    def key_width(self) -> int:
        """Dk, width of a head's queries and keys."""
        return self.d_model // self.n_heads

    @property
    def value_width(self) -> int:
        """Dv, width of a head's values."""
        return self.value_dim // self.n_heads

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads", "value_dim", "ffn_dim"):
            if getattr(self, name) < 1:
                raise refuse(name, getattr(self, name), "must be at least 1")
        if self.d_model % self.n_heads or self.key_width % 2:
            if self.d_model % 2:
                raise refuse("d_model", self.d_model, "must be even, so that heads have an even width")
            fitting = [n for n in (1, 2, 4, 8, 16) if self.d_model % (2 * n) == 0]
            raise refuse("n_heads", self.n_heads, f"must divide d_model = {self.d_model} into even widths: {fitting}")
        if not self.decays and self.n_heads > MOST_HEADS:
            reason = f"must be at most {MOST_HEADS} without decays, as further heads would never forget"
            raise refuse("n_heads", self.n_heads, reason)
        if self.decays and not (len(self.decays) == 2 and 1 <= self.decays[0] <= self.decays[1] <= LARGEST_EXPONENT):
            reason = f"must be none, or two exponents in [1, {LARGEST_EXPONENT:g}] in order, e.g. 5 and 12"
            raise refuse("decays", list(self.decays), reason)
        if self.value_dim % self.n_heads:
            raise refuse("value_dim", self.value_dim, f"must be a multiple of n_heads = {self.n_heads}")
        if self.activation not in ("gelu", "swish"):
            raise refuse("activation", repr(self.activation), "must be gelu or swish")
        if not self.norm_eps > 0:
            raise refuse("norm_eps", self.norm_eps, "must be above 0")
        if self.max_length is not None and self.max_length < 1:
            raise refuse("max_length", self.max_length, "must be at least 1")
        if self.n_experts < 0 or self.n_experts == 1:
            raise refuse("n_experts", self.n_experts, "must be 0 for none, or at least 2")
        if self.n_experts and not 1 <= self.experts_per_token <= self.n_experts:
            raise refuse("experts_per_token", self.experts_per_token, f"must be in [1, {self.n_experts}] (n_experts)")


def sizes_of(options: RetNetOptions) -> RetNetSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no RetNet can have."""
    return RetNetSizes(
        d_model=options.d_model,
        n_layers=options.n_layers,
        n_heads=options.n_heads,
        decays=tuple(options.decays),
        value_dim=2 * options.d_model if options.value_dim is None else options.value_dim,
        ffn_dim=-(-options.d_model * 4 // 3 // 64) * 64 if options.ffn_dim is None else options.ffn_dim,
        activation=options.activation,
        norm_eps=options.norm_eps,
        max_length=options.max_length,
        full_rows=options.full_rows,
        n_experts=options.n_experts,
        experts_per_token=options.experts_per_token,
    )


def refuse_impossible(options: RetNetOptions) -> None:
    """Raises `UserError` for wrong values that are no sizes."""
    if not 0.0 <= options.dropout < 1.0:
        raise refuse("dropout", options.dropout, "must be in [0, 1)")
    if options.chunk_size < 1:
        raise refuse("chunk_size", options.chunk_size, "must be at least 1")
    if not options.router_loss >= 0:
        raise refuse("router_loss", options.router_loss, "must be at least 0")


def refuse(name: str, value: object, reason: str) -> UserError:
    """The error for an option of either arch."""
    return UserError(f"arch 'retnet': {name} {reason}, got {value}")
