"""Reads records: what lies in a storage, checked before it is believed."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.data.record import Record
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import is_of


def record_of(id: str, codes: Tensor, phonemes: Tensor, words: Tensor, times: Tensor | None = None) -> Record:
    """The record that a storage holds in these tensors; datasets of an older valle have no times.

    Raises:
        ValueError: they are not of the shapes, types and contents that are written.
    """
    if codes.ndim != 2 or codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
        raise ValueError(f"the codes are {str(codes.dtype).removeprefix('torch.')} {list(codes.shape)}")
    if phonemes.ndim != 1 or phonemes.dtype != torch.uint8:
        raise ValueError("the phonemes are not bytes")
    if words.ndim != 2 or words.shape[1] != 2 or words.is_floating_point() or words.is_complex():
        raise ValueError(f"the words are {list(words.shape)}, not pairs")
    symbols = loads(phonemes.numpy().tobytes())
    if not is_of(symbols, (str,)):
        raise ValueError("the phonemes are not a list of symbols")
    starts = () if times is None else _times(times, len(symbols))
    return Record(id=id, codes=codes, phonemes=tuple(symbols), words=words_from_tensor(words), times=starts)


def _times(stored: Tensor, symbols: int) -> tuple[int, ...]:
    if stored.ndim != 1 or stored.dtype != torch.int32 or len(stored) not in (0, symbols + 1):
        raise ValueError(f"the times are {str(stored.dtype).removeprefix('torch.')} {list(stored.shape)}")
    times = stored.tolist()
    if times and (times[0] < 0 or any(one > other for one, other in pairwise(times))):
        raise ValueError("the times do not rise")
    return tuple(times)


def words_from_tensor(stored: Int[Tensor, "W two"]) -> tuple[tuple[int, int], ...]:
    """Half-open ranges, from [W, 2]."""
    return tuple((int(first), int(last)) for first, last in stored.tolist())
