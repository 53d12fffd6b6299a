"""Options of the codec (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class DacOptions:
    """Options of the codec `dac`.

    Attributes:
        variant: variant of the published weights: `44khz` (9 levels), `24khz` (32) or `16khz` (12).
        levels: number of codebook levels to use; 0: all.
        weights: a folder with `config.json` and `model.safetensors`, or the original checkpoint `weights_*.pth`; empty
            for descript/dac_VARIANT in the Hub's cache or downloaded; `random` for untrained ones (tests only).
        seed: random seed of untrained weights.
        engine: implementation of the networks: `transformers`, or `original` for the package descript-audio-codec.
        loudness: loudness to normalise audio to before encoding, in LUFS, e.g. -16; 0: leave it as it is. Part of the
            codec's identity.
    """

    variant: Literal["44khz", "24khz", "16khz"] = "44khz"
    levels: int = 0
    weights: str = ""
    seed: int = 0
    engine: Literal["transformers", "original"] = "transformers"
    loudness: float = 0.0

    def __post_init__(self) -> None:
        if self.levels < 0:
            raise UserError(f"levels must be at least 0 (0: all), got {self.levels}")
        if not -70 < self.loudness <= 0:
            raise UserError(f"loudness must be in (-70, 0] LUFS (0: unchanged), got {self.loudness}")
