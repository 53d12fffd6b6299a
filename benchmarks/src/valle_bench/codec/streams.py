"""Streaming: when the first sound comes out, and how fast the rest follows."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from valle_bench.codec.settings import Figure, Settings
from valle_core.interfaces import Codec

WARM_PUSHES = 3
"""Pushes with sound that are not counted, of a stream that is thrown away."""


@torch.inference_mode()
def stream(codec: Codec, codes: Int[Tensor, "1 F Q"], chunk: float, settings: Settings) -> Figure:
    """Push codes chunk by chunk, `chunk` seconds (at least a frame) at a time.

    `first_frames` and `first_seconds` are those up to the first sound, `seconds` the median of the later pushes,
    `audio` what one of them brings; `difference` is that of what came out to the whole decoded at once.
    """
    size = max(1, round(chunk * codec.frame_rate))
    F = codes.shape[1]
    if codec.lookahead_frames >= F:
        return Figure(note="it cannot stream: all sound comes at the end")
    ready = codec.lookahead_frames + size * (WARM_PUSHES + 1)
    run(codec, codes[:, :ready], size, settings.cell_seconds)
    first, figure, decoded = run(codec, codes, size, settings.cell_seconds)
    frames = min(F, decoded.shape[1] // codec.hop + codec.lookahead_frames)
    whole, _ = codec.decode(codes[:, :frames], torch.tensor([frames], device=codes.device))
    # What is decoded of a shorter whole is final but for the lookahead.
    apart = (decoded - whole[:, : decoded.shape[1]]).abs().max() / whole.abs().max()
    return replace(figure, first_frames=first, difference=float(apart))


def run(codec: Codec, codes: Int[Tensor, "1 F Q"], size: int, limit: float) -> tuple[int, Figure, Tensor]:
    """Frames up to the first sound, times, and what came out of the pushes, left after `limit` seconds."""
    made = codec.stream(1)
    first, first_seconds, spent = 0, 0.0, 0.0
    times, decoded = [], [torch.zeros(1, 0, device=codes.device)]
    for start in range(0, codes.shape[1], size):
        part = codes[:, start : start + size]
        if codes.is_cuda:
            torch.cuda.synchronize(codes.device)
        begun = time.perf_counter()
        wav = made.push(part)
        if codes.is_cuda:
            torch.cuda.synchronize(codes.device)
        spent += (took := time.perf_counter() - begun)
        decoded.append(wav)
        if first and part.shape[1] == size:
            times.append(took)
        elif not first and wav.shape[1]:
            first, first_seconds = start + part.shape[1], spent
        if spent > limit:
            break
    figure = Figure(
        seconds=statistics.median(times) if times else None,
        runs=len(times),
        audio=size / codec.frame_rate,
        first_seconds=first_seconds,
    )
    return first, figure, torch.cat(decoded, dim=1)
