"""Options of the recognizer (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--recognizer acme-name`.

    Attributes:
        shortest: seconds a key must sound.
        gap: seconds of silence that begin a new segment.
        quietest: root mean square of a frame that is listened to; full scale is 1.
    """

    shortest: float = 0.04
    gap: float = 0.5
    quietest: float = 0.005

    def __post_init__(self) -> None:
        for name, low, high in (("shortest", 0.02, 1.0), ("gap", 0.05, 10.0), ("quietest", 0.0, 1.0)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"recognizer.{name} must be in [{low}, {high}], got {getattr(self, name)}")
