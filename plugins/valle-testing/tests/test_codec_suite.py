"""The suite of codecs catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

from dataclasses import replace

import torch

from valle_core.plugin import PluginSpec
from valle_testing import planted, suite
from valle_testing.fakes.audio import FakeCodec
from valle_testing.suites.codec.options import OPTION_CHECKS
from valle_testing.suites.codec.round_trip import ROUND_TRIP_CHECKS
from valle_testing.suites.codec.stream import STREAM_CHECKS

HOP, SIZE = FakeCodec().hop, FakeCodec().codebook_size
WORDS = frozenset({"codebooks", "streaming"})
SPEC = PluginSpec(kind="codec", name="fake", api=1, summary="", factory="a:b", options="a:c", capabilities=WORDS)


def encoding(change):
    """A codec whose encode is `change(good, codec, wav, lengths)`."""

    class Faulty(FakeCodec):
        def encode(self, wav, lengths):
            return change(super().encode, self, wav, lengths)

    return Faulty


def decoding(change):
    """A codec whose decode is `change(good, codec, codes, frames)`."""

    class Faulty(FakeCodec):
        def decode(self, codes, frames):
            return change(super().decode, self, codes, frames)

    return Faulty


def encoded(change):
    """A codec that gives `change(codes, frames)`."""
    return encoding(lambda encode, self, wav, lengths: change(*encode(wav, lengths)))


def reading(change):
    """A codec that encodes `change(wav)`."""
    return encoding(lambda encode, self, wav, lengths: encode(change(wav), lengths))


def decoded(change):
    """A codec that gives `change(wav, lengths)`."""
    return decoding(lambda decode, self, codes, frames: change(*decode(codes, frames)))


def taking(change):
    """A codec that decodes `change(codes)`."""
    return decoding(lambda decode, self, codes, frames: decode(change(codes), frames))


def facts(**changes):
    return type("Faulty", (FakeCodec,), changes)


def identity(**changes):
    class Faulty(FakeCodec):
        def __init__(self):
            super().__init__()
            self.identity = replace(self.identity, **changes)

    return Faulty


def books(change):
    class Faulty(FakeCodec):
        def __init__(self):
            super().__init__()
            self.told = change(self.codebooks.clone())

        @property
        def codebooks(self):
            return self.told if hasattr(self, "told") else self.true

        @codebooks.setter
        def codebooks(self, value):
            self.true = value

        def _sing(self, codes, phase):
            told, self.told = self.told, self.true
            try:
                return super()._sing(codes, phase)
            finally:
                self.told = told

    return Faulty


def the_last_partial_frame_is_dropped(encode, self, wav, lengths):
    codes, _ = encode(wav, lengths)
    frames = lengths // self.hop
    return codes[:, : int(frames.max())], frames


def the_first_frame_is_not_encoded(encode, self, wav, lengths):
    return encode(wav.index_fill(1, torch.arange(min(self.hop, wav.shape[1])), 0.0), lengths)


def the_last_frame_is_not_encoded(encode, self, wav, lengths):
    whole = (lengths - 1).clamp(min=0) // self.hop * self.hop
    return encode(wav.where(torch.arange(wav.shape[1]) < whole[:, None], 0.0), lengths)


def padding_leaks(encode, self, wav, lengths):
    codes, _ = encode(wav, torch.full_like(lengths, wav.shape[1]))
    return codes, -(-lengths // self.hop)


def rows_are_normalised_together(encode, self, wav, lengths):
    return encode(wav / wav.abs().max() if wav.numel() else wav, lengths)


def frames_of_the_longest_row_are_told_for_all(encode, self, wav, lengths):
    codes, frames = encode(wav, lengths)
    return codes, frames.max().expand_as(frames)


def encoding_remembers_the_last_sound(encode, self, wav, lengths):
    memory = getattr(self, "memory", 0.0)
    self.memory = wav.abs().mean() if wav.numel() else 0.0
    return encode(wav * (1 + memory), lengths)


def padding_is_zeroed_in_place(encode, self, wav, lengths):
    wav.masked_fill_(torch.arange(wav.shape[1]) >= lengths[:, None], 0.0)
    return encode(wav, lengths)


def one_sample_is_too_short(encode, self, wav, lengths):
    if wav.shape[1] < 2:
        raise IndexError("reflection needs two samples")
    return encode(wav, lengths)


def silence_divides_by_zero(encode, self, wav, lengths):
    codes, frames = encode(wav, lengths)
    silent = (wav.abs().amax(1) == 0) if wav.shape[1] else torch.zeros(len(wav), dtype=torch.bool)
    return codes - 10**6 * silent[:, None, None], frames


def decoding_drops_the_last_frame(decode, self, codes, frames):
    wav, lengths = decode(codes, frames)
    return wav.where(torch.arange(wav.shape[1]) < (lengths - self.hop)[:, None], 0.0), lengths


def lengths_are_those_of_the_longest_row(decode, self, codes, frames):
    wav, lengths = decode(codes, frames)
    return wav, torch.full_like(lengths, wav.shape[1])


def rows_are_made_equally_loud_together(decode, self, codes, frames):
    wav, lengths = decode(codes, frames)
    return wav / wav.abs().max().clamp(min=1e-3), lengths


def the_padding_is_decoded_before_it_begins(decode, self, codes, frames):
    blurred = codes.clone()
    blurred[:, :-1, 1] = (codes[:, :-1, 1] + codes[:, 1:, 1]) // 2
    return decode(blurred, frames)


def the_last_level_is_dropped(decode, self, codes, frames):
    return decode(codes.index_fill(2, torch.tensor([3]), 0) if codes.shape[2] == 4 else codes, frames)


def fewer_levels_are_refused(decode, self, codes, frames):
    if codes.shape[2] != self.num_levels:
        raise RuntimeError("size mismatch")
    return decode(codes, frames)


def only_level_0_is_validated(decode, self, codes, frames):
    decode(codes[..., :1], frames)
    return decode(codes % self.codebook_size, frames)


def a_plain_error_refuses(decode, self, codes, frames):
    if codes.numel() and int(codes.max()) >= self.codebook_size:
        raise IndexError("index out of range in self")
    return decode(codes, frames)


def decoding_draws_a_phase(decode, self, codes, frames):
    wav, lengths = decode(codes, frames)
    return wav * (0.5 + 0.5 * torch.rand(1)), lengths


def decoding_writes_into_the_codes(decode, self, codes, frames):
    wav = decode(codes, frames)
    codes[:, -1] = 0
    return wav


def the_sound_carries_a_gradient(decode, self, codes, frames):
    wav, lengths = decode(codes, frames)
    return wav.requires_grad_(), lengths


def int32_codes_are_not_taken(decode, self, codes, frames):
    if codes.dtype != torch.int64:
        raise RuntimeError("expected Long")
    return decode(codes, frames)


def facts_without_books():
    class Faulty(FakeCodec):
        def __init__(self):
            super().__init__()
            self.codebooks = None

    return Faulty


def swapped(order):
    return lambda told: told[order]


def shuffled(level):
    def change(told):
        told[level] = told[level][torch.randperm(32, generator=torch.Generator().manual_seed(2))]
        return told

    return change


FAULTS = {
    "frame_rate is rounded": (facts(frame_rate=49.0), "states_its_facts"),
    "hop is a float": (facts(hop=320.0), "states_its_facts"),
    "lookahead is negative": (facts(lookahead_frames=-1), "states_its_facts"),
    "identity tells another rate": (identity(sample_rate=24_000), "has_an_identity"),
    "identity tells fewer levels": (identity(num_levels=3), "has_an_identity"),
    "identity has no hash": (identity(weights_hash=""), "has_an_identity"),
    "codebooks of two levels are swapped": (books(swapped([2, 1, 0, 3])), "codebooks_sum_to_the_frame"),
    "codebooks stand in reverse": (books(swapped([3, 2, 1, 0])), "codebooks_sum_to_the_frame"),
    "vectors of level 0 are shuffled": (books(shuffled(0)), "codebooks_sum_to_the_frame"),
    "vectors of the last level are shuffled": (books(shuffled(3)), "codebooks_sum_to_the_frame"),
    "codebooks lack a level": (books(swapped([0, 1, 2])), "codebooks_sum_to_the_frame"),
    the_last_partial_frame_is_dropped: (encoding, "gives_every_frame"),
    the_first_frame_is_not_encoded: (encoding, "encodes_both_ends"),
    the_last_frame_is_not_encoded: (encoding, "encodes_both_ends"),
    padding_leaks: (encoding, "encodes_rows_as_if_alone"),
    rows_are_normalised_together: (encoding, "encodes_rows_as_if_alone"),
    frames_of_the_longest_row_are_told_for_all: (encoding, "encodes_rows_as_if_alone"),
    "encoding dithers": (reading(lambda wav: wav + 0.01 * torch.randn_like(wav)), "repeats_itself"),
    encoding_remembers_the_last_sound: (encoding, "repeats_itself"),
    "the waveform is clipped in place": (reading(lambda wav: wav.clamp_(-1, 1)), "writes_nothing"),
    padding_is_zeroed_in_place: (encoding, "writes_nothing"),
    one_sample_is_too_short: (encoding, "takes_any_sound"),
    silence_divides_by_zero: (encoding, "takes_any_sound"),
    "nan spreads between rows": (reading(lambda wav: wav + 0 * wav.mean() if wav.numel() else wav), "keeps_rows_apart"),
    "codes come as int32": (encoded(lambda codes, frames: (codes.int(), frames)), "keeps_device_and_types"),
    "codes come as floats": (encoded(lambda codes, frames: (codes.float(), frames)), "gives_every_frame"),
    "codes count from one": (encoded(lambda codes, frames: (codes + 1, frames)), "gives_every_frame"),
    decoding_drops_the_last_frame: (decoding, "speaks_both_ends"),
    "decoding is one hop short": (decoded(lambda wav, n: (wav[:, :-HOP], n - HOP)), "gives_every_frame"),
    lengths_are_those_of_the_longest_row: (decoding, "decodes_rows_as_if_alone"),
    rows_are_made_equally_loud_together: (decoding, "decodes_rows_as_if_alone"),
    the_padding_is_decoded_before_it_begins: (decoding, "decodes_rows_as_if_alone"),
    "sound leaves the range": (decoded(lambda wav, lengths: (wav * 1.5, lengths)), "decodes_rows_as_if_alone"),
    the_last_level_is_dropped: (decoding, "speaks_both_ends"),
    fewer_levels_are_refused: (decoding, "decodes_any_number_of_levels"),
    "codes are clamped": (taking(lambda codes: codes.clamp(0, SIZE - 1)), "refuses_codes_out_of_range"),
    "negative codes wrap": (taking(lambda codes: codes % SIZE), "refuses_codes_out_of_range"),
    only_level_0_is_validated: (decoding, "refuses_codes_out_of_range"),
    a_plain_error_refuses: (decoding, "refuses_codes_out_of_range"),
    decoding_draws_a_phase: (decoding, "repeats_itself"),
    decoding_writes_into_the_codes: (decoding, "writes_nothing"),
    "sound comes in 64 bits": (decoded(lambda wav, lengths: (wav.double(), lengths)), "keeps_device_and_types"),
    int32_codes_are_not_taken: (decoding, "keeps_device_and_types"),
    "a row of no sample has a frame": (encoded(lambda codes, frames: (codes, frames.clamp(min=1))), "takes_any_sound"),
    the_sound_carries_a_gradient: (decoding, "keeps_device_and_types"),
    "the spec has another name": (FakeCodec, "is_what_its_spec_says", replace(SPEC, name="other")),
    "codebooks are not declared": (FakeCodec, "is_what_its_spec_says", replace(SPEC, capabilities=frozenset())),
    "codebooks are declared and missing": (facts_without_books(), "is_what_its_spec_says"),
    "a word is misspelt": (
        FakeCodec,
        "declares_words_of_its_kind",
        replace(SPEC, capabilities=frozenset({"codebook"})),
    ),
}
"""Fault → how it is planted, the check that must see it."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("codec", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_codec_passes():
    report = suite.run("codec", FakeCodec, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("codec", SPEC)) - len(OPTION_CHECKS), "it takes no options"


def test_every_check_but_those_of_other_files_has_a_fault():
    others = (*STREAM_CHECKS, *ROUND_TRIP_CHECKS, *OPTION_CHECKS)
    checks = {check.__name__ for check in suite.checks_of("codec", SPEC) if check not in others}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks
