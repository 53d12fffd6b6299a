"""Options of the codec (no torch: help panels must be cheap)."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import UserError

HOP = 160
"""Samples per frame, at 16 kHz."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """Options of `--codec acme-name`. Each of them makes another codec, with another identity.

    Attributes:
        num_levels: codebooks Q.
        codebook_size: codes V per level.
        bands: lower DCT bands that are coded, 50 Hz each.
        seed: of the codebooks.
    """

    num_levels: int = 8
    codebook_size: int = 1024
    bands: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("num_levels", 1, 32), ("codebook_size", 2, 65_536), ("bands", 1, HOP)):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"codec.{name} must be in [{low}, {high}], got {getattr(self, name)}")
