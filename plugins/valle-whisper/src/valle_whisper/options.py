"""Options of the recognizer (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class WhisperOptions:
    """Options of the recognizer `whisper`. Thresholds and their defaults are those of arXiv 2212.04356 §4.5.

    Attributes:
        model: Hub name, e.g. openai/whisper-large-v3; read from its cache or downloaded where `weights` is empty.
        weights: a folder with the model's files; `random` for a small untrained one (tests only).
        seed: random seed of untrained weights and of what `fallback` samples.
        dtype: data type of the network; float16 and bfloat16 need a GPU.
        beams: width of the beam search; 1 takes the likeliest token each time.
        batch: rows decoded together; above 1 is faster on a GPU, but neighbours may then change a row's last digits.
        fallback: decode again with temperatures 0.2 … 1.0 where a text loops or is too unlikely.
        silence: dB below full scale; a row in which no 10 ms are louder is silent, without asking the network.
        no_speech: a window is silent where the probability of no speech is above it and the text is unlikely.
        logprob: a text is unlikely where its mean log-probability per token is below it.
        compression: a text loops, and is left out, where zlib makes it so many times smaller; 0 keeps all.
    """

    model: str = "openai/whisper-base"
    weights: str = ""
    seed: int = 0
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    beams: int = 1
    batch: int = 1
    fallback: bool = False
    silence: float = -60.0
    no_speech: float = 0.6
    logprob: float = -1.0
    compression: float = 2.4

    def __post_init__(self) -> None:
        for name in ("beams", "batch"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.silence <= 0:
            raise UserError(f"silence must be at most 0 dB of full scale, got {self.silence}")
        if not 0 <= self.no_speech <= 1:
            raise UserError(f"no_speech must be in [0, 1], got {self.no_speech}")
        if self.logprob > 0:
            raise UserError(f"logprob must be at most 0, got {self.logprob}")
        if self.compression < 0:
            raise UserError(f"compression must be at least 0, got {self.compression}")
