"""Sizes of backbones with rotary attention, and what no such backbone can have (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from valle_core.plugin import UserError


class RotaryOptions(Protocol):
    """Options that `RotarySizes.of` reads."""

    @property
    def d_model(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def n_heads(self) -> int: ...
    @property
    def n_kv_heads(self) -> int | None: ...
    @property
    def ffn_dim(self) -> int | None: ...
    @property
    def rope_theta(self) -> float: ...
    @property
    def norm_eps(self) -> float: ...
    @property
    def max_length(self) -> int | None: ...


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
