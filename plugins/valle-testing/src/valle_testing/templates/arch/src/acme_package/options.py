"""Sizes of the backbone (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--arch acme-name`.

    Attributes:
        d_model: width D of the states.
        n_layers: number of layers.
        ffn_mult: width of the feed-forward layer as a multiple of `d_model`.
        dropout: probability after each sublayer, while training.
        longest_memory: positions after which the slowest channel of a fresh model has forgotten all but 1/e.
    """

    d_model: int = 256
    n_layers: int = 4
    ffn_mult: int = 4
    dropout: float = 0.1
    longest_memory: float = 512.0

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layers", "ffn_mult"):
            if getattr(self, name) < 1:
                raise UserError(f"arch.{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise UserError(f"arch.dropout must be in [0, 1), got {self.dropout}")
        if not 2.0 <= self.longest_memory <= 1e6:
            raise UserError(f"arch.longest_memory must be in [2, 1000000], got {self.longest_memory}")
