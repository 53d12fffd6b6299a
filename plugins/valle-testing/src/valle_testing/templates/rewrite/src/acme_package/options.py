"""Options of the rewrite (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--rewrite acme-name`.

    Attributes:
        share: rank that is kept, as a share of the smaller side of the matrix; above 0 and at most 1.
        only: part of a module's name, e.g. `layers.0`; other layers stay as they are. Empty: all of them.
    """

    share: float = 0.25
    only: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise UserError(f"rewrite.share must be in (0, 1], got {self.share}")
