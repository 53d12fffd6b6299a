"""Options of the codec (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError

BANDWIDTHS = (1.5, 3.0, 6.0, 12.0)
"""kbit/s by bandwidth id."""

EngineName = Literal["own", "original"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VocosOptions:
    """Options of the codec `vocos`.

    Attributes:
        bandwidth: kbit/s: 1.5, 3, 6 or 12 for 2, 4, 8 or 16 levels (Vocos's bandwidth ids 0 to 3).
        weights: the original `pytorch_model.bin` or a folder with it; empty for charactr/vocos-encodec-24khz in the
            Hub's cache or downloaded; `random` for untrained ones (tests only).
        encodec_weights: a folder with EnCodec's `config.json` and `model.safetensors`; empty for
            facebook/encodec_24khz in the Hub's cache or downloaded; `random` for untrained ones (tests only).
        seed: random seed of untrained weights.
        engine: implementation of the decoder: `own`, or `original` for the package vocos.
    """

    bandwidth: float = 6.0
    weights: str = ""
    encodec_weights: str = ""
    seed: int = 0
    engine: EngineName = "own"

    def __post_init__(self) -> None:
        if self.bandwidth not in BANDWIDTHS:
            raise UserError(f"bandwidth must be 1.5, 3, 6 or 12 kbit/s, got {self.bandwidth}")
