"""What utterances are compared by when similar ones are looked for: one vector each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from valle_core.audio.wav import resample
from valle_core.data.dataset import Dataset
from valle_core.interfaces import Codec
from valle_data.audio.spectrogram import log_mel
from valle_data.speakers import voice_statistics

By = Literal["codec", "speaker"]
"""`codec`: how the quantised frames lie (timbre, loudness, words); `speaker`: mel-cepstral statistics of the sound."""

BYS: tuple[By, ...] = get_args(By)

_RATE = 16_000
_BANDS = 40


def embed(
    dataset: Dataset, codec: Codec, by: By, progress: Callable[[int, int], None] = lambda done, total: None
) -> Float[np.ndarray, "N D"]:
    """The vector of each utterance, in the order in which they are stored; utterances of no frame give zeros.

    * `codec`: mean and standard deviation over the frames of the vectors that the codebooks sum to; for a codec
      without codebooks, of the log-mel bands of the decoded sound.
    * `speaker`: `valle_data.speakers.voice_statistics` of the decoded sound.
    """
    books = codec.codebooks.detach().float().cpu() if by == "codec" and codec.codebooks is not None else None
    vectors: dict[str, np.ndarray] = {}
    for number, record in enumerate(dataset.records(), 1):
        codes = record.codes.long()
        if len(codes) == 0:
            vectors[record.id] = np.zeros(0)
        elif books is not None:
            vectors[record.id] = codebook_statistics(codes, books)
        else:
            wav, rate = decoded(codec, codes), codec.sample_rate
            vectors[record.id] = voice_statistics(wav, rate) if by == "speaker" else _mel(wav, rate)
        progress(number, len(dataset))
    width = max((len(vector) for vector in vectors.values()), default=0)
    table = np.zeros((len(vectors), width), np.float32)
    for place, row in enumerate(dataset.stored_rows()):
        vector = vectors.pop(row.id)
        table[place, : len(vector)] = vector
    return table


def codebook_statistics(codes: Integer[Tensor, "F Q"], books: Float[Tensor, "Q V d"]) -> Float[np.ndarray, "D"]:
    """Means and standard deviations over the frames of Σ_q books[q, codes[·, q]]."""
    frames = torch.stack([books[level][codes[:, level]] for level in range(codes.shape[1])]).sum(0)  # [F, d]
    return torch.cat([frames.mean(0), frames.std(0, correction=0)]).numpy()


@torch.no_grad()
def decoded(codec: Codec, codes: Integer[Tensor, "F Q"]) -> Float[np.ndarray, "N"]:
    """The sound of an utterance."""
    wav, lengths = codec.decode(codes[None], torch.tensor([len(codes)]))
    return wav[0, : int(lengths[0])].cpu().numpy()


def _mel(wav: Float[np.ndarray, "N"], sample_rate: int) -> Float[np.ndarray, "D"]:
    bands = log_mel(resample(wav, sample_rate, _RATE), _RATE, bands=_BANDS)  # [M, T]
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1)])
