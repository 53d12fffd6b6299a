"""Options of the loss (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--loss acme-name`.

    Attributes:
        gamma: how much less counts what is known, in [0, 10]; 0 is the plain cross-entropy.
    """

    gamma: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.gamma <= 10.0:
            raise UserError(f"loss.gamma must be in [0, 10], got {self.gamma}")
