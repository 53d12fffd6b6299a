"""The part of the suite of codecs that decodes in chunks."""

from __future__ import annotations

from collections.abc import Callable

import torch

from valle_testing.contract import contract
from valle_testing.suites.codec.signals import Build, agree, codes_of, frames_for, joined

TOLERANCE = 1e-4
"""Largest difference of samples between two ways to decode the same codes."""


@contract("CodecStream", "Carries a decoder's state so that chunks joined equal the whole (1e-4).")
def streams_equal_the_whole(build: Build, *, device: str = "cpu") -> None:
    """Codes pushed one by one, at once, unevenly, fewer than the lookahead; with all levels and with one."""
    codec = build()
    F = frames_for(codec)
    for chunks in ([1] * F, [F], [3, 0, F - 5, 2], [F - 1, 1], [1], [2, 1]):
        for L in sorted({1, codec.num_levels}):
            codes, frames = codes_of(codec, [sum(chunks)] * 2, device=device)
            codes = codes[..., :L]
            whole, _ = codec.decode(codes, frames)
            what = f"chunks of {chunks} frames, {L} levels"
            decoded = joined(codec, codes, chunks)
            assert decoded.shape == whole.shape, (
                f"{what}: {tuple(decoded.shape)} samples, the whole has {tuple(whole.shape)}"
            )
            agree(decoded, whole, TOLERANCE, f"{what}, beside the whole")
    rest = codec.stream(2).flush()
    assert rest.shape == (2, 0), f"a stream without codes flushes {tuple(rest.shape)}"


@contract("Codec", "lookahead_frames: frames `CodecStream.push` holds back.")
def holds_back_its_lookahead(build: Build, *, device: str = "cpu") -> None:
    """After each push, all but the lookahead has been given, and what was given is final."""
    codec = build()
    F = frames_for(codec)
    codes, frames = codes_of(codec, [F], device=device)
    whole, _ = codec.decode(codes, frames)
    stream, given = codec.stream(1), 0
    for count in range(1, F + 1):
        chunk = stream.push(codes[:, count - 1 : count])
        agree(chunk, whole[:, given : given + chunk.shape[1]], TOLERANCE, f"what push {count} gives, beside the whole")
        given += chunk.shape[1]
        wanted = max(count - codec.lookahead_frames, 0) * codec.hop
        assert given == wanted, (
            f"after {count} frames {given} samples were given, with lookahead {codec.lookahead_frames} it is {wanted}"
        )


@contract("Codec.stream", "A fresh streaming decoder for `batch` rows.")
def streams_keep_apart(build: Build, *, device: str = "cpu") -> None:
    """Two streams fed in turns, with whole decodes between, give what each gives alone."""
    codec = build()
    F = frames_for(codec)
    codes, frames = codes_of(codec, [F, F], device=device)
    whole, _ = codec.decode(codes, frames)
    streams = [codec.stream(1), codec.stream(1)]
    decoded: list[list[torch.Tensor]] = [[], []]
    for start in range(0, F, 4):
        for b, stream in enumerate(streams):
            decoded[b].append(stream.push(codes[b : b + 1, start : start + 4]))
        codec.decode(codes[:, :3], frames.clamp(max=3))
    for b, stream in enumerate(streams):
        agree(torch.cat([*decoded[b], stream.flush()], 1)[0], whole[b], TOLERANCE, f"stream {b} of two fed in turns")


STREAM_CHECKS: tuple[Callable[..., None], ...] = (
    streams_equal_the_whole,
    holds_back_its_lookahead,
    streams_keep_apart,
)
