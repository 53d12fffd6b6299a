"""Options of the codec (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError

BANDWIDTHS = (1.5, 3.0, 6.0, 12.0, 24.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodecOptions:
    """Options of the codec `encodec`.

    Attributes:
        bandwidth: kbit/s: 1.5, 3, 6, 12 or 24 for 2, 4, 8, 16 or 32 levels.
        weights: a folder with `config.json` and `model.safetensors`, or the original checkpoint `encodec_24khz-*.th`;
            empty for facebook/encodec_24khz in the Hub's cache or downloaded; `random` for untrained ones (tests only).
        seed: random seed of untrained weights.
        engine: implementation of the networks: `transformers`, or `original` for the package encodec.
    """

    bandwidth: float = 6.0
    weights: str = ""
    seed: int = 0
    engine: Literal["transformers", "original"] = "transformers"

    def __post_init__(self) -> None:
        if self.bandwidth not in BANDWIDTHS:
            raise UserError(f"bandwidth must be 1.5, 3, 6, 12 or 24 kbit/s, got {self.bandwidth}")
