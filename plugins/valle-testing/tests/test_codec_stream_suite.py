"""The suite of codecs catches faults planted in the streams of a good one, each by the check it belongs to."""

from __future__ import annotations

import torch

from valle_core.plugin import PluginSpec
from valle_testing import planted
from valle_testing.fakes.audio import FakeCodec
from valle_testing.suites.codec.stream import STREAM_CHECKS

WORDS = frozenset({"codebooks", "streaming"})
SPEC = PluginSpec(kind="codec", name="fake", api=1, summary="", factory="a:b", options="a:c", capabilities=WORDS)


def streaming(push=None, flush=None, batch=None):
    """A codec whose streams do one thing otherwise."""

    class Stream:
        def __init__(self, inner, codec, rows):
            self.inner, self.codec, self.rows, self.count = inner, codec, rows, 0

        def push(self, codes):
            self.count += codes.shape[1]
            return push(self, codes) if push else self.inner.push(codes)

        def flush(self):
            return flush(self) if flush else self.inner.flush()

    class Faulty(FakeCodec):
        def stream(self, batch=1):
            return Stream(super().stream(batch), self, batch)

    return Faulty


def pushed(stream, codes):
    return stream.inner.push(codes)


def a_push_loses_its_last_frame(stream, codes):
    return pushed(stream, codes)[:, : max(codes.shape[1] - 1, 0) * stream.codec.hop]


def every_push_starts_anew(stream, codes):
    return stream.codec.stream(stream.rows).inner.push(codes)


def rows_of_a_stream_share_a_phase(stream, codes):
    stream.inner._phase = stream.inner._phase[:1].expand_as(stream.inner._phase)
    return pushed(stream, codes)


def pieces_are_a_little_off(stream, codes):
    return pushed(stream, codes) * (1 - 3e-3)


def an_empty_push_is_an_error(stream, codes):
    if codes.shape[1] == 0:
        raise ValueError("no frames")
    return pushed(stream, codes)


def codes_wrap_in_a_stream(stream, codes):
    return pushed(stream, codes % stream.codec.codebook_size)


def nothing_comes_before_two_frames(stream, codes):
    """Holds two frames back and says it holds back none."""
    stream.held = torch.cat([getattr(stream, "held", codes[:, :0]), codes], 1)
    ready = max(stream.held.shape[1] - 2, 0)
    now, stream.held = stream.held[:, :ready], stream.held[:, ready:]
    return pushed(stream, now)


def the_held_rest(stream):
    return pushed(stream, stream.held) if hasattr(stream, "held") else stream.inner.flush()


def all_streams_share_a_state(stream, codes):
    state = vars(stream.codec).setdefault("shared", stream.inner)
    return state.push(codes)


def one_stream_alone_shares_a_state(stream, codes):
    return all_streams_share_a_state(stream, codes) if stream.rows == 1 else pushed(stream, codes)


FAULTS = {
    a_push_loses_its_last_frame: (streaming, "streams_equal_the_whole"),
    every_push_starts_anew: (streaming, "streams_equal_the_whole"),
    pieces_are_a_little_off: (streaming, "streams_equal_the_whole"),
    an_empty_push_is_an_error: (streaming, "streams_equal_the_whole"),
    one_stream_alone_shares_a_state: (streaming, "streams_keep_apart"),
    rows_of_a_stream_share_a_phase: (streaming, "streams_equal_the_whole"),
    codes_wrap_in_a_stream: (streaming, "refuses_codes_out_of_range"),
    "two frames more are held back": (
        streaming(nothing_comes_before_two_frames, the_held_rest),
        "holds_back_its_lookahead",
    ),
    "what is held back is lost": (streaming(nothing_comes_before_two_frames), "streams_equal_the_whole"),
    "lookahead is overstated": (type("Faulty", (FakeCodec,), {"lookahead_frames": 2}), "holds_back_its_lookahead"),
    "streaming is declared and all is held back": (
        streaming(lambda stream, codes: pushed(stream, codes[:, :0])),
        "is_what_its_spec_says",
    ),
}
"""Fault → how it is planted, the check that must see it."""


CASES = planted.cases("codec", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_every_check_of_streams_has_a_fault():
    assert {fault.check for fault in CASES.values()} >= {check.__name__ for check in STREAM_CHECKS}
