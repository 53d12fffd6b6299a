"""Log-mel spectrograms as Whisper was trained on (arXiv 2212.04356 §2.2), and the loudness of frames."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from transformers.audio_utils import mel_filter_bank

from valle_whisper.parts import Sound

LOUDNESS_HOP_SECONDS = 0.01
"""Step of the frames whose loudness is measured."""


def mel_filters(sound: Sound) -> Float[Tensor, "K M"]:
    """Slaney's triangles of equal area from 0 to 8 kHz."""
    bank = mel_filter_bank(
        num_frequency_bins=1 + sound.fft_size // 2,
        num_mel_filters=sound.bands,
        min_frequency=0.0,
        max_frequency=8000.0,
        sampling_rate=sound.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(np.asarray(bank, dtype=np.float32))


def log_mel(wav: Float[Tensor, "n"], sound: Sound, filters: Float[Tensor, "K M"]) -> Float[Tensor, "M T"]:
    """Spectrogram of one window: zeros up to its length, log₁₀ of mel power from the loudest down 8, then (x + 4) / 4.

    One row at a time, so that no value depends on the batch.
    """
    padded = F.pad(wav.float(), (0, sound.samples - len(wav)))
    window = torch.hann_window(sound.fft_size, device=wav.device)
    spectrum = torch.stft(padded, sound.fft_size, sound.hop, window=window, return_complex=True)
    power = spectrum[:, :-1].abs() ** 2  # [K, T]
    decades = (filters.T @ power).clamp(min=1e-10).log10()
    return (torch.maximum(decades, decades.max() - 8.0) + 4.0) / 4.0


def loudness(wav: Float[Tensor, "n"], sample_rate: int) -> Float[np.ndarray, "T"]:
    """Root mean square of every 10 ms in dB below full scale (−200 for zeros); the last frame may be shorter."""
    hop = round(sample_rate * LOUDNESS_HOP_SECONDS)
    count = -(-len(wav) // hop)
    squares = F.pad(wav.detach().double() ** 2, (0, count * hop - len(wav))).reshape(count, hop).sum(1)
    sizes = torch.full((count,), float(hop), dtype=torch.float64, device=wav.device)
    if count:
        sizes[-1] = len(wav) - (count - 1) * hop
    return (10 * (squares / sizes).clamp(min=1e-20).log10()).cpu().numpy()
