"""Options of the alignment (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--alignment acme-name`.

    Attributes:
        frames: how long a symbol lasts before anything is learnt, from 1 to 100.
    """

    frames: float = 6.0

    def __post_init__(self) -> None:
        if not 1 <= self.frames <= 100:
            raise UserError(f"alignment.frames must be in [1, 100], got {self.frames}")
