"""What a Whisper consists of, whether it was read, trained or made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transformers import GenerationConfig, WhisperForConditionalGeneration, WhisperTokenizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """How sound becomes a log-mel spectrogram (`preprocessor_config.json`).

    Attributes:
        sample_rate: Hz.
        fft_size: samples of a Fourier window.
        hop: samples between two frames.
        bands: mel bands, 80, or 128 for large-v3.
        seconds: of the window that the network sees at once.
    """

    sample_rate: int = 16000
    fft_size: int = 400
    hop: int = 160
    bands: int = 80
    seconds: int = 30

    @property
    def samples(self) -> int:
        """Of a window."""
        return self.seconds * self.sample_rate

    @property
    def frames(self) -> int:
        """Of a window's spectrogram."""
        return self.samples // self.hop


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """A network with what belongs to it.

    Attributes:
        model: frozen, in evaluation mode.
        tokenizer: its vocabulary.
        generation: special tokens, suppressed tokens and alignment heads.
        sound: its spectrogram.
    """

    model: WhisperForConditionalGeneration
    tokenizer: WhisperTokenizer
    generation: GenerationConfig
    sound: Sound


def token_id(tokenizer: WhisperTokenizer, piece: str) -> int:
    """Number of a token as the vocabulary writes it; that of `<|endoftext|>` where there is none."""
    found: Any = tokenizer.convert_tokens_to_ids(piece)
    return found
