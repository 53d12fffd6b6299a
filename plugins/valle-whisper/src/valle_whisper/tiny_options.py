"""Options of the recognizer `whisper-tiny` (standard library only)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class TinyOptions:
    """Options of `--recognizer whisper-tiny`.

    Attributes:
        beams: width of the beam search; 1 takes the likeliest token each time.
        compute: arithmetic of the network.
        threads: processor threads.
        silence: dB below full scale; a stretch in which no 10 ms are louder is silent.
        no_speech: a stretch is silent where the probability of no speech is above it and the text is unlikely.
        logprob: a text is unlikely where its mean log-probability per token is below it.
        compression: leave out a text that zlib makes so many times smaller, since it loops; 0 keeps all, so that
            speech that loops is told as it is.
    """

    beams: int = 1
    compute: Literal["int8", "float32"] = "int8"
    threads: int = 1
    silence: float = -60.0
    no_speech: float = 0.6
    logprob: float = -1.0
    compression: float = 0.0

    def __post_init__(self) -> None:
        bounds = {"beams": (1, 100), "threads": (1, 256), "silence": (-120, 0), "no_speech": (0, 1)}
        bounds |= {"logprob": (-100, 0), "compression": (0, 100)}
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise UserError(f"recognizer.{name} must be in [{low}, {high}], got {getattr(self, name)}")
