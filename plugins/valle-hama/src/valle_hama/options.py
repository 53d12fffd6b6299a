"""Options of the recognizer `hama` (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class HamaOptions:
    """Options of `--recognizer hama`.

    Attributes:
        pause: seconds without a phoneme that end a segment.
        silence: dB below full scale; a row whose loudest sample is below it is not listened to.
    """

    pause: float = 1.0
    silence: float = -60.0

    def __post_init__(self) -> None:
        for name, low, high in (("pause", 0.1, 10.0), ("silence", -120.0, 0.0)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"recognizer.{name} must be in [{low:g}, {high:g}], got {getattr(self, name)}")
