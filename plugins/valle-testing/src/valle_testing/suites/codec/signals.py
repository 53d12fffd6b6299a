"""Sounds, codes and comparisons for the suite of codecs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Codec

Build = Callable[[], Codec]
"""Makes a codec on the device to test; small or random weights do."""


def sound(codec: Codec, samples: int, row: int = 0, *, device: str = "cpu") -> Float[Tensor, "N"]:
    """Something like a voice: harmonics of a gliding pitch, swelling, with a little noise; each row another."""
    seconds = torch.arange(samples, dtype=torch.float64) / codec.sample_rate
    pitch = 110 * 2 ** (row / 5) * (1 + 0.3 * (seconds * 2.3).sin())
    turns = pitch.cumsum(0) / codec.sample_rate
    voice = sum((2 * math.pi * n * turns).sin() / n for n in range(1, 12))
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(row * 977 + 1), dtype=torch.float64)
    swell = 0.6 + 0.4 * (seconds * 19 + row).sin()
    return ((0.2 * voice + 0.02 * noise) * swell).float().clamp(-1, 1).to(device)


def padded(
    clips: Sequence[Float[Tensor, "n"]], *, behind: float = 0.0, spare: int = 0
) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
    """Right-padded with noise of this loudness, `spare` samples longer than the longest."""
    lengths = torch.tensor([len(clip) for clip in clips], device=clips[0].device)
    size = (len(clips), max(map(len, clips)) + spare)
    wav = behind * torch.randn(size, generator=torch.Generator().manual_seed(3)).to(clips[0].device)
    for row, clip in zip(wav, clips, strict=True):
        row[: len(clip)] = clip
    return wav, lengths


def encoded(
    codec: Codec, clips: Sequence[Float[Tensor, "n"]], **padding: float
) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
    """Codes and frames of a padded batch."""
    wav, lengths = padded(clips, behind=padding.get("behind", 0.0), spare=int(padding.get("spare", 0)))
    return codec.encode(wav, lengths)


def frames_for(codec: Codec) -> int:
    """Frames that show what a stream does: more than its lookahead, where that is bounded."""
    return 12 + min(codec.lookahead_frames, 48)


def codes_of(
    codec: Codec, counts: Sequence[int], *, device: str = "cpu"
) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
    """Random codes, behind the rows' ends too."""
    shape = (len(counts), max(counts), codec.num_levels)
    random = torch.Generator().manual_seed(sum(counts))
    codes = torch.randint(0, codec.codebook_size, shape, generator=random)
    return codes.to(device), torch.tensor(counts, device=device)


def joined(codec: Codec, codes: Int[Tensor, "B F L"], chunks: Sequence[int]) -> Float[Tensor, "B N"]:
    """What a stream gives when it gets the codes in these chunks."""
    stream = codec.stream(codes.shape[0])
    decoded = [stream.push(chunk) for chunk in codes.split(list(chunks), dim=1)]
    return torch.cat([*decoded, stream.flush()], dim=1)


def agree(found: Tensor, wanted: Tensor, tolerance: float, what: str = "") -> bool:
    """Whether no sample differs by more; with `what`, raises `AssertionError` with the largest difference."""
    if found.shape != wanted.shape:
        assert not what, f"{what}: shape {tuple(found.shape)}, expected {tuple(wanted.shape)}"
        return False
    worst = float((found - wanted).abs().max()) if found.numel() else 0.0
    worst = worst if math.isfinite(worst) else math.inf
    assert not what or worst <= tolerance, f"{what}: differs by {worst:.2g}, allowed is {tolerance:.0e}"
    return worst <= tolerance
