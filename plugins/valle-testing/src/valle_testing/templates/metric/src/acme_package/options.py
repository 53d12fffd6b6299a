"""Options of the metric (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--metric acme-name`.

    Attributes:
        window: seconds that are measured at once.
    """

    window: float = 0.1

    def __post_init__(self) -> None:
        if not 0.01 <= self.window <= 1:
            raise UserError(f"metric.window must be in [0.01, 1], got {self.window}")
