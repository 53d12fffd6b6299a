"""Options and sizes of backbones with rotary attention, and what no such backbone can have (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class RotaryOptions:
    """What the options of such a backbone begin with.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class RotarySizes:
    """Everything that decides the shapes and the function of the network. Raises `UserError` for what cannot be.

    Attributes:
        arch: the backbone's name, for messages; a subclass says it.
        head_dim: Dh; q, k, v are n_heads · Dh and n_kv_heads · Dh wide.
        The others as the options of these names, with every default filled in.
    """

    arch: ClassVar[str]

    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    ffn_dim: int
    rope_theta: float
    norm_eps: float
    max_length: int | None

    @classmethod
    def of(cls, options: RotaryOptions, **more: Any) -> Self:
        """The sizes the options ask for: as many key as query heads, and two thirds of 4 · d_model, rounded up to 64,
        where they leave it open. `more` are fields of a subclass."""
        width, heads = options.d_model, max(options.n_heads, 1)
        if options.n_heads >= 1 and width >= 1 and width % heads:
            if width % 2:
                raise cls.refusal("d_model", width, "must be even, so that heads have an even width")
            divisors = [n for n in (1, 2, 4, 8, 12, 16, 32) if width % (2 * n) == 0]
            raise cls.refusal("n_heads", heads, f"must divide d_model = {width}, e.g. {divisors}")
        return cls(
            d_model=width,
            n_layers=options.n_layers,
            n_heads=options.n_heads,
            n_kv_heads=options.n_heads if options.n_kv_heads is None else options.n_kv_heads,
            head_dim=width // heads,
            ffn_dim=-(-width * 8 // 3 // 64) * 64 if options.ffn_dim is None else options.ffn_dim,
            rope_theta=options.rope_theta,
            norm_eps=options.norm_eps,
            max_length=options.max_length,
            **more,
        )

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads", "n_kv_heads", "head_dim", "ffn_dim", "max_length"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise self.refusal(name, value, "must be at least 1")
        if self.n_heads % self.n_kv_heads:
            raise self.refusal("n_kv_heads", self.n_kv_heads, f"must divide n_heads = {self.n_heads}")
        if self.head_dim % 2:
            reason = f"must give heads of even width for rotary positions, not {self.head_dim}"
            raise self.refusal("n_heads", self.n_heads, reason)
        for name in ("rope_theta", "norm_eps"):
            if not getattr(self, name) > 0:
                raise self.refusal(name, getattr(self, name), "must be above 0")

    @classmethod
    def refusal(cls, name: str, value: object, reason: str) -> UserError:
        """To raise: why an option cannot be."""
        return UserError(f"arch '{cls.arch}': {name} {reason}, got {value}")
