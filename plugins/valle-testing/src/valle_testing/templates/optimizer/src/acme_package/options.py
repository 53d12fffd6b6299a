"""Options of the optimizer (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--optimizer acme-name`.

    Attributes:
        betas: how slowly the mean of the gradients and their variance about it follow, each in [0, 1).
        epsilon: added to the variance and to its root, above 0.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise UserError(f"optimizer.betas must be in [0, 1), got {list(self.betas)}")
        if not 0.0 < self.epsilon <= 1.0:
            raise UserError(f"optimizer.epsilon must be in (0, 1], got {self.epsilon}")
