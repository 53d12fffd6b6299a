"""Two sequences of codes sounding together: decoded, summed at a ratio, encoded again, and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from valle_core.codes.checks import check_codes
from valle_core.codes.identity import require_same
from valle_core.data.storage import Pair
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_data.audio.levels import mix_waves
from valle_data.mixing.mix_cache import MixCache, mix_key

_TOGETHER = 16  # rows the codec gets at once


class Mixer:
    """See `Pool.mix`. The codec is opened when the first mix must be made; one that was kept needs none."""

    def __init__(self, codec: CodecIdentity, open_codec: Callable[[], Codec], cache: MixCache) -> None:
        self._identity, self._open, self._cache = codec, open_codec, cache
        self._codec: Codec | None = None

    def mix(self, a: Integer[Tensor, "F Q"], b: Integer[Tensor, "G Q"], db: float) -> Integer[Tensor, "F Q"]:
        """See `Pool.mix`. Raises `UserError` for codes that are not the codec's, and for no ratio."""
        return self.mix_all([(a, b, db)])[0]

    def mix_all(self, pairs: Sequence[Pair]) -> list[Integer[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        keys = []
        for a, b, db in pairs:
            self._check(a, b, db)
            keys.append(mix_key(self._identity, a, b, db))
        found = {key: self._cache.get(key) for key in dict.fromkeys(keys)}
        missing = {key: pair for key, pair in zip(keys, pairs, strict=True) if found[key] is None}
        if missing:
            made = self._make([*missing.values()])
            for key, codes in zip(missing, made, strict=True):
                self._cache.put(key, codes)
                found[key] = codes
        return [found[key].clone() for key in keys]  # pyright: ignore[reportOptionalMemberAccess]

    def _check(self, a: Tensor, b: Tensor, db: float) -> None:
        for name, codes in (("the first sound", a), ("the second sound", b)):
            if codes.ndim != 2 or len(codes) == 0:
                raise UserError(f"{name} of a mix is {list(codes.shape)}. Give codes [frames ≥ 1, levels]")
            check_codes(
                codes,
                num_levels=self._identity.num_levels,
                codebook_size=self._identity.codebook_size,
                what=f"{name} of a mix",
            )
        if not math.isfinite(db):
            raise UserError(f"a mix at {db} dB has no ratio. Give a finite number of decibels")

    @torch.no_grad()
    def _make(self, pairs: Sequence[Pair]) -> list[Integer[Tensor, "F Q"]]:
        if self._codec is None:
            self._codec = self._open()
            require_same(self._identity, self._codec.identity, "the dataset holds codes of")
        codec = self._codec
        with one_thread():
            sides = [codes for a, b, _ in pairs for codes in (a, b)]
            wavs = _decode(codec, sides)
            mixed = [
                mix_waves(wavs[2 * at], wavs[2 * at + 1], db, codec.sample_rate) for at, (_, _, db) in enumerate(pairs)
            ]
            return _encode(codec, mixed)


def open_mixer(codec: CodecIdentity, open_codec: Callable[[], Codec], folder: Path, limit: int) -> Mixer:
    """A mixer of codes of this codec that keeps at most `limit` bytes of its mixes in a folder."""
    return Mixer(codec, open_codec, MixCache(folder, limit, codec))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: data workers share the machine, and sums must round alike in every process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _decode(codec: Codec, rows: Sequence[Integer[Tensor, "f Q"]]) -> list[Float[Tensor, "n"]]:
    """The sound of each row."""
    wavs: list[Tensor] = [torch.empty(0)] * len(rows)
    for group in _alike([len(row) for row in rows]):
        codes = pad_sequence([rows[at].long() for at in group], batch_first=True)
        found, lengths = codec.decode(codes, torch.tensor([len(rows[at]) for at in group]))
        for at, wav, length in zip(group, found, lengths.tolist(), strict=True):
            wavs[at] = wav[:length].cpu()
    return wavs


def _encode(codec: Codec, wavs: Sequence[Float[Tensor, "n"]]) -> list[Integer[Tensor, "f Q"]]:
    """The codes of each sound."""
    rows: list[Tensor] = [torch.empty(0)] * len(wavs)
    for group in _alike([len(wav) for wav in wavs]):
        batch = pad_sequence([wavs[at] for at in group], batch_first=True)
        found, frames = codec.encode(batch, torch.tensor([len(wavs[at]) for at in group]))
        for at, codes, count in zip(group, found, frames.tolist(), strict=True):
            rows[at] = codes[:count].cpu().long()
    return rows


def _alike(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places in rising length, in groups of at most 16 whose longest is at most a fifth longer than the shortest."""
    group: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: (lengths[at], at)):
        if group and (len(group) == _TOGETHER or lengths[at] > 1.2 * lengths[group[0]]):
            yield group
            group = []
        group.append(at)
    if group:
        yield group
