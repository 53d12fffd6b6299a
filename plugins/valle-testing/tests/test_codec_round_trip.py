"""The suite of codecs catches faults between encoding and decoding, each by the check it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

import torch

from valle_core.plugin import PluginSpec
from valle_core.types import CodecIdentity
from valle_testing import planted, suite
from valle_testing.suites.codec.options import OPTION_CHECKS
from valle_testing.suites.codec.round_trip import ROUND_TRIP_CHECKS

NAMES = tuple(check.__name__ for check in (*ROUND_TRIP_CHECKS, *OPTION_CHECKS))


@dataclass(frozen=True, kw_only=True)
class WaveOptions:
    """Options of the codec below."""

    gain: float = 1.0
    fine: bool = False
    levels: int = 3


SPEC = PluginSpec(kind="codec", name="wave", api=1, summary="", factory="a:b", options=f"{__name__}:WaveOptions")


class WaveCodec:
    """Pairs of samples on grids of 8 × 8 points, each an eighth as wide as the one before; keeps the waveform."""

    sample_rate, hop, codebook_size, lookahead_frames, codebooks = 1600, 2, 64, 0, None
    frame_rate = 800.0

    def __init__(self, **changes):
        self.options = WaveOptions(**changes)
        self.num_levels = self.options.levels
        self.width = 0.5 if self.options.fine else 1.0
        self.identity = CodecIdentity(
            name="wave",
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=self.hashed(),
        )

    def hashed(self):
        return sha256(repr((self.options.gain, self.options.fine)).encode()).hexdigest()[:16]

    def encode(self, wav, lengths):
        B, N = wav.shape
        F = -(-N // self.hop)
        wav = wav.where(torch.arange(N) < lengths[:, None], 0.0) * self.options.gain
        left = torch.nn.functional.pad(wav, (0, F * self.hop - N)).reshape(B, F, 2).double()
        codes = []
        for level in range(self.num_levels):
            step = self.width * 2 / 8 ** (level + 1)
            grid = ((left / step).floor() + 4).clamp(0, 7).long()
            codes.append(grid[..., 0] * 8 + grid[..., 1])
            left = left - (grid - 3.5) * step
        frames = -(-lengths // self.hop)
        inside = (torch.arange(F) < frames[:, None])[..., None]
        return torch.stack(codes, -1).where(inside, 0), frames

    def decode(self, codes, frames):
        levels = range(codes.shape[-1])
        steps = torch.tensor([self.width * 2 / 8 ** (level + 1) for level in levels], dtype=torch.float64)
        grid = torch.stack([codes // 8, codes % 8], -1) - 3.5  # [B, F, L, 2]
        pairs = (grid * steps[:, None]).sum(2) / self.options.gain
        inside = (torch.arange(codes.shape[1]) < frames[:, None])[..., None]
        return pairs.where(inside, 0.0).flatten(1).clamp(-1, 1).float(), frames * self.hop

    def stream(self, batch=1):
        return Stream(self, batch)


class Stream:
    def __init__(self, codec, batch):
        self.codec, self.batch = codec, batch

    def push(self, codes):
        return self.codec.decode(codes, torch.full((len(codes),), codes.shape[1]))[0]

    def flush(self):
        return torch.zeros(self.batch, 0)


def encoding(change):
    """A codec whose encode is `change(good, wav, lengths)`."""

    class Faulty(WaveCodec):
        def encode(self, wav, lengths):
            return change(super().encode, wav, lengths)

    return Faulty


def decoding(change):
    """A codec whose decode is `change(good, codes, frames)`."""

    class Faulty(WaveCodec):
        def decode(self, codes, frames):
            return change(super().decode, codes, frames)

    return Faulty


def hashing(*names):
    """A codec whose identity depends on these options alone."""

    class Faulty(WaveCodec):
        def hashed(self):
            values = repr([getattr(self.options, name) for name in names])
            return sha256(values.encode()).hexdigest()[:16]

    return Faulty


def levels_are_encoded_in_reverse(encode, wav, lengths):
    codes, frames = encode(wav, lengths)
    return codes.flip(-1), frames


def levels_are_decoded_in_reverse(decode, codes, frames):
    return decode(codes.flip(-1), frames)


def the_first_two_levels_are_exchanged(decode, codes, frames):
    return decode(codes[..., [1, 0, *range(2, codes.shape[-1])]] if codes.shape[-1] > 1 else codes, frames)


def the_sign_is_flipped(decode, codes, frames):
    wav, lengths = decode(codes, frames)
    return -wav, lengths


def the_sign_is_flipped_before_encoding(encode, wav, lengths):
    return encode(-wav, lengths)


def sound_comes_a_frame_late(decode, codes, frames):
    wav, lengths = decode(codes, frames)
    return torch.nn.functional.pad(wav, (2, 0))[:, :-2], lengths


def sound_comes_two_frames_early(decode, codes, frames):
    wav, lengths = decode(codes, frames)
    return torch.nn.functional.pad(wav, (0, 4))[:, 4:], lengths


def frames_are_encoded_a_frame_late(encode, wav, lengths):
    return encode(torch.nn.functional.pad(wav, (2, 0))[:, : wav.shape[1]], lengths)


def the_last_level_is_zero(encode, wav, lengths):
    codes, frames = encode(wav, lengths)
    return codes.index_fill(2, torch.tensor([codes.shape[2] - 1]), 0), frames


def the_last_level_repeats_the_one_before(encode, wav, lengths):
    codes, frames = encode(wav, lengths)
    return codes[..., [*range(codes.shape[2] - 1), codes.shape[2] - 2]], frames


def what_lies_past_5_seconds_is_not_encoded(encode, wav, lengths):
    codes, frames = encode(wav[:, :8000], lengths.clamp(max=8000))
    return codes, frames


def long_batches_are_normalised(encode, wav, lengths):
    return encode(wav / wav.abs().amax() if wav.shape[1] > 8000 and len(wav) > 1 else wav, lengths)


def long_sounds_fade(decode, codes, frames):
    wav, lengths = decode(codes, frames)
    return (wav * torch.linspace(1, 0.5, wav.shape[1]) if codes.shape[1] > 6000 else wav), lengths


FAULTS = {
    levels_are_encoded_in_reverse: (encoding, "decodes_what_it_encoded"),
    levels_are_decoded_in_reverse: (decoding, "decodes_what_it_encoded"),
    the_first_two_levels_are_exchanged: (decoding, "decodes_what_it_encoded"),
    the_sign_is_flipped: (decoding, "decodes_what_it_encoded"),
    the_sign_is_flipped_before_encoding: (encoding, "decodes_what_it_encoded"),
    sound_comes_a_frame_late: (decoding, "keeps_time"),
    sound_comes_two_frames_early: (decoding, "keeps_time"),
    frames_are_encoded_a_frame_late: (encoding, "keeps_time"),
    the_last_level_is_zero: (encoding, "uses_every_level"),
    the_last_level_repeats_the_one_before: (encoding, "uses_every_level"),
    what_lies_past_5_seconds_is_not_encoded: (encoding, "takes_long_sounds"),
    long_batches_are_normalised: (encoding, "takes_long_sounds"),
    long_sounds_fade: (decoding, "takes_long_sounds"),
    "the identity ignores a number": (hashing("fine"), "tells_its_options_apart"),
    "the identity ignores a switch": (hashing("gain"), "tells_its_options_apart"),
    "the identity is of the code alone": (hashing(), "tells_its_options_apart"),
}
"""Fault → how it is planted, the check that must see it."""

CASES = planted.cases("codec", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_codec_passes():
    report = suite.run("codec", WaveCodec, spec=replace(SPEC), only=NAMES)
    assert report.count("passed") == len(NAMES), report.table()


def test_every_check_has_a_fault():
    assert {fault.check for fault in CASES.values()} == set(NAMES)
