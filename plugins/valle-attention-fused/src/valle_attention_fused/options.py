"""Options of `fused`."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class FusedOptions:
    """What the kernel may add to the formula.

    Attributes:
        softcap: scores s become softcap · tanh(s / softcap), which holds them within ±softcap; 0 leaves them alone.
    """

    softcap: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.softcap < float("inf"):
            raise UserError(f"softcap must be in [0, inf), got {self.softcap:g}")
