"""One loudness for every sound."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """How loud.

    Attributes:
        level: wanted root mean square, in dB relative to full scale, −60 … 0.
        peak: largest magnitude a sample may have, above 0 and at most 1; it wins over the level.
        most: largest gain, in dB; what is quieter is taken for noise.
    """

    level: float = -23.0
    peak: float = 0.98
    most: float = 30.0

    def __post_init__(self) -> None:
        if not -60.0 <= self.level <= 0.0:
            raise UserError(f"loudness: level must be in [-60, 0] dB, got {self.level}")
        if not 0.0 < self.peak <= 1.0:
            raise UserError(f"loudness: peak must be in (0, 1], got {self.peak}")
        if not 0.0 <= self.most <= 60.0:
            raise UserError(f"loudness: most must be in [0, 60] dB, got {self.most}")


def levelled(wav: Float[Tensor, "N"], options: AcmeNameOptions) -> Float[Tensor, "N"]:
    """The sound with one gain for all its samples; silence stays silence."""
    if not wav.numel() or not wav.any():
        return wav
    wanted = 10 ** (options.level / 20) / wav.square().mean().sqrt()
    return wav * wanted.clamp(max=10 ** (options.most / 20)).minimum(options.peak / wav.abs().max())
