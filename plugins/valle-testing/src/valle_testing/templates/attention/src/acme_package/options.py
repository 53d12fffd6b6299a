"""Options of the kernel (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--attention acme-name`.

    Attributes:
        block: queries whose scores are held at a time; fewer take less memory and more calls.
    """

    block: int = 128

    def __post_init__(self) -> None:
        if self.block < 1:
            raise UserError(f"attention.block must be at least 1, got {self.block}")
