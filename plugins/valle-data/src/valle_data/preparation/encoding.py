"""From samples to codes by the codec, and to the record that is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from valle_core.codes.checks import check_codes
from valle_core.data.record import Record
from valle_core.interfaces import Codec
from valle_core.types import Phonemes
from valle_data.audio.long_audio import encode_long


def storage_dtype(codebook_size: int) -> torch.dtype:
    """The smallest integer type that holds every code."""
    if codebook_size <= 1 << 8:
        return torch.uint8
    return torch.int16 if codebook_size <= 1 << 15 else torch.int32


def encode_all(
    codec: Codec, wavs: Sequence[np.ndarray], *, batch_seconds: float, device: torch.device
) -> list[Integer[Tensor, "F Q"]]:
    """Codes of each recording. The batches are a pure function of the lengths, so repeating gives equal codes.

    What is longer than a batch is encoded in windows, see `encode_long`.
    """
    codes: list[Tensor] = [torch.empty(0)] * len(wavs)
    bound = int(batch_seconds * codec.sample_rate)
    for rows in batches_by_length([len(wav) for wav in wavs], bound):
        if len(wavs[rows[0]]) > bound:
            codes[rows[0]] = encode_long(codec, torch.from_numpy(wavs[rows[0]]).to(device)).cpu()
            continue
        lengths = torch.tensor([len(wavs[row]) for row in rows])
        batch = torch.zeros(len(rows), int(lengths.max()), pin_memory=device.type == "cuda")
        for place, row in enumerate(rows):
            batch[place, : len(wavs[row])] = torch.from_numpy(wavs[row])
        with torch.no_grad():
            encoded, frames = codec.encode(batch.to(device, non_blocking=True), lengths.to(device))
        encoded, frames = encoded.cpu(), frames.tolist()  # one copy for the batch
        for place, row in enumerate(rows):
            codes[row] = encoded[place, : frames[place]].clone()
    return codes


def batches_by_length(lengths: Sequence[int], bound: int) -> Iterator[list[int]]:
    """Indices in rising length, in runs of at most `bound` samples with padding (a longer one goes alone)."""
    run: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: (lengths[index], index)):
        if run and (len(run) + 1) * lengths[index] > bound:
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def make_record(
    codec: Codec, id: str, codes: Integer[Tensor, "F Q"], phonemes: Phonemes, times: tuple[int, ...] = ()
) -> Record:
    """The record to store, with the times of its phonemes; raises `UserError` where the codec broke its promise."""
    check_codes(codes, num_levels=codec.num_levels, codebook_size=codec.codebook_size, what=f"utterance '{id}'")
    return Record(
        id=id,
        codes=codes.detach().cpu().to(storage_dtype(codec.codebook_size)).contiguous(),
        phonemes=phonemes.symbols,
        words=phonemes.words,
        times=times,
    )
