"""Options of the recognizer (standard library only, so that help panels are cheap)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class WhisperOptions:
    """Options of the recognizer `whisper`. Thresholds and their defaults are those of arXiv 2212.04356 §4.5.

    Attributes:
        model: model on the Hugging Face Hub, e.g. openai/whisper-large-v3; taken from the cache or downloaded, unless
            `weights` is given.
        weights: folder with the model's files; `random` for a small untrained model (tests only).
        seed: random seed of untrained weights, and of sampling with `fallback`.
        dtype: data type of the network; float16 and bfloat16 need a GPU.
        beams: beam size; 1: greedy decoding.
        batch: number of rows to decode at once; above 1 is faster on a GPU, but may change a row's last digits.
        fallback: decode again with temperatures 0.2 … 1.0 where the text repeats itself or is too unlikely.
        silence: silence threshold in dBFS; a row below it for all its 10 ms frames is silent, without running the
            network.
        no_speech: probability of no speech above which a window with an unlikely text is silent.
        logprob: mean log-probability per token below which a text is unlikely.
        compression: zlib compression ratio above which a text repeats itself and is left out; 0: keep all.
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
