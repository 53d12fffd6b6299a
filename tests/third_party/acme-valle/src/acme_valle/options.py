"""Sizes of the backbone (standard library only, so that its help needs no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionOptions:
    """Options of `--arch acme-retention`.

    Attributes:
        d_model: width D of the states; a multiple of `n_heads`.
        n_layers: number of layers.
        n_heads: heads, each with a decay of its own.
        dropout: probability after each sublayer, while training.
    """

    d_model: int = 256
    n_layers: int = 4
    n_heads: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "n_heads"):
            if getattr(self, name) < 1:
                raise UserError(f"arch.{name} must be at least 1, got {getattr(self, name)}")
        if self.d_model % self.n_heads:
            raise UserError(f"arch.n_heads is {self.n_heads}, which does not divide arch.d_model {self.d_model}")
        if not 0.0 <= self.dropout < 1.0:
            raise UserError(f"arch.dropout must be in [0, 1), got {self.dropout}")
