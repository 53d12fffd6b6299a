"""A kind of its own: what finds the voiced frames of a recording, its contract, and one plugin of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.plugin import UserError


@runtime_checkable
class Voicing(Protocol):
    """Finds voiced frames. Factory: `(options) → Voicing`."""

    def __call__(self, wav: Float[Tensor, "N"], sample_rate: int) -> Bool[Tensor, "F"]:
        """One answer per 10 ms, the last frame filled with silence; no frames for an empty recording."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergyOptions:
    """Options of voicing `acme-energy`.

    Attributes:
        threshold: root mean square above which a frame counts as voiced.
    """

    threshold: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise UserError(f"voicing.threshold must be in (0, 1], got {self.threshold}")


def build(options: EnergyOptions) -> EnergyVoicing:
    """Factory of `acme-energy`."""
    return EnergyVoicing(options.threshold)


class EnergyVoicing:
    """Loud frames are voiced."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def __call__(self, wav: Float[Tensor, "N"], sample_rate: int) -> Bool[Tensor, "F"]:
        """See `Voicing`."""
        step = sample_rate // 100
        filled = torch.nn.functional.pad(wav, (0, -len(wav) % step))
        return filled.reshape(-1, step).square().mean(dim=1).sqrt() > self._threshold
