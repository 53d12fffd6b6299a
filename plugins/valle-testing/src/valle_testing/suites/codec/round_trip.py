"""The part of the suite of codecs that compares what is decoded with what was encoded, short and long."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from valle_testing.contract import contract
from valle_testing.suites.codec.signals import Build, agree, encoded, frames_for, joined, sound

CLEARLY = 0.7
"""Another order of the levels must not come nearer to the sound than this share of what the codec's own comes to."""

STEPS = 8
"""Places in a frame at which a shift in time is looked for."""


@contract("Codec.decode", "What was encoded comes nearest to its sound with the levels in their order.")
def decodes_what_it_encoded(build: Build, *, device: str = "cpu") -> None:
    """Levels in their own order come nearest to the sound, and it is not turned upside down.

    A codec with random weights comes near to nothing, in any order; one that keeps no phase has no sign of its own.
    """
    codec = build()
    frames_each = max(20, 4096 // codec.hop)
    clips = [sound(codec, frames_each * codec.hop, row, device=device) for row in range(3)]
    codes, frames = encoded(codec, clips)
    wanted = torch.stack(clips)
    own = _apart(codec.decode(codes, frames)[0], wanted)
    Q = codec.num_levels
    orders = {"in reverse": list(reversed(range(Q)))}
    orders |= {f"with {q} and {q + 1} exchanged": _swapped(Q, q) for q in range(min(Q - 1, 4))}
    for what, order in orders.items() if Q > 1 else ():
        other = _apart(codec.decode(codes[..., order], frames)[0], wanted)
        assert other > CLEARLY * own, (
            f"decoded with its levels {what}, what was encoded is {other:.3g} from the sound, in their order {own:.3g}"
        )
    decoded = codec.decode(codes, frames)[0]
    likeness = [float(torch.nn.functional.cosine_similarity(a, b, dim=0)) for a, b in zip(decoded, wanted, strict=True)]
    assert max(likeness) > -0.7, f"what comes back is the sound upside down: correlations {likeness}"


@contract("Codec.encode", "Frame f is of the samples from f · hop on; each level says something.")
def keeps_time(build: Build, *, device: str = "cpu") -> None:
    """Bursts between silence come back where they were, to half a frame; their frames have their codes.

    Judged where the loudness of what comes back follows that of the sound at all.
    """
    codec = build()
    hop, F = codec.hop, 40 + frames_for(codec)
    gate = torch.zeros(F * hop)
    for start, length in ((3, 4), (11, 3), (19, 6), (30, 5)):
        gate[start * hop : (start + length) * hop] = 1.0
    clip = sound(codec, F * hop, device=device) * gate.to(device)
    codes, frames = encoded(codec, [clip])
    decoded = codec.decode(codes, frames)[0][0]
    size = max(hop // STEPS, 1)
    reach = 3 * hop // size
    one, other = (_loudness(wav[: F * hop], size) for wav in (clip, decoded))
    follows = {shift: _together(one, other.roll(-shift)) for shift in range(-reach, reach + 1)}
    best = max(follows, key=lambda shift: follows[shift])
    if follows[best] > 0.6 and follows[best] - follows[0] > 0.05:
        off = best * size / hop
        assert abs(off) <= 0.5, (
            f"what comes back is {abs(off):.2f} frames {'late' if best > 0 else 'early'}: loudness correlates to "
            f"{follows[best]:.2f} there, to {follows[0]:.2f} where the sound was"
        )


@contract("Codec.encode", "each level says something")
def uses_every_level(build: Build, *, device: str = "cpu") -> None:
    """Over several sounds each level takes more than one value, and no two levels are always equal."""
    codec = build()
    codes, frames = encoded(codec, [sound(codec, 24 * codec.hop, row, device=device) for row in range(4)])
    inside = torch.cat([codes[b, : int(frames[b])] for b in range(len(codes))])
    for level in range(codec.num_levels):
        values = inside[:, level].unique()
        assert len(values) > 1, f"level {level} has the code {values.tolist()} in all {len(inside)} frames"
        for before in range(level):
            same = bool((inside[:, level] == inside[:, before]).all())
            assert not same, f"levels {before} and {level} have the same codes in all {len(inside)} frames"


@contract("Codec.encode", "Codes and frames = ⌈lengths / hop⌉ of each row")
def takes_long_sounds(build: Build, *, device: str = "cpu") -> None:
    """Ten seconds beside one: frames, codes of the short row as alone, and a stream over all equal to the whole."""
    codec = build()
    samples = 10 * codec.sample_rate + 7
    clips = [sound(codec, samples, device=device), sound(codec, codec.sample_rate, 1, device=device)]
    codes, frames = encoded(codec, clips)
    wanted = [-(-len(clip) // codec.hop) for clip in clips]
    assert frames.tolist() == wanted, f"10 s and 1 s give {frames.tolist()} frames, expected {wanted}"
    long, _ = encoded(codec, clips[:1])
    short, _ = encoded(codec, clips[1:])
    for what, one, other in (("10 s", codes[0], long[0]), ("1 s", codes[1, : wanted[1]], short[0])):
        differ = int((one != other).any(-1).sum())
        assert differ == 0, f"10 s beside 1 s: {differ} of {len(other)} frames of the {what} differ from the row alone"
    whole, lengths = codec.decode(long, frames[:1])
    assert lengths.tolist() == [wanted[0] * codec.hop], f"{wanted[0]} frames decode to {lengths.tolist()} samples"
    assert bool(whole.isfinite().all()), f"{wanted[0]} frames decode to NaN or infinity"
    rest = wanted[0] - 7 - 2 * (wanted[0] // 3)
    decoded = joined(codec, long, [7, wanted[0] // 3, wanted[0] // 3, rest])
    agree(decoded, whole, 1e-4, f"a stream of {wanted[0]} frames, beside the whole")


def _swapped(Q: int, q: int) -> list[int]:
    order = list(range(Q))
    order[q], order[q + 1] = order[q + 1], order[q]
    return order


def _apart(decoded: Float[Tensor, "B N"], wanted: Float[Tensor, "B N"]) -> float:
    """How far two sounds are apart: mean difference of log spectra, which no phase changes."""

    def spectrum(wav: Tensor) -> Tensor:
        size = 512
        window = torch.hann_window(size, device=wav.device)
        return torch.stft(wav, size, size // 4, window=window, return_complex=True).abs().clamp(min=1e-3).log()

    return float((spectrum(decoded[:, : wanted.shape[1]]) - spectrum(wanted)).abs().mean())


def _loudness(wav: Float[Tensor, "N"], size: int) -> Float[Tensor, "S"]:
    """Root mean square of pieces of `size` samples."""
    whole = len(wav) // size * size
    return wav[:whole].reshape(-1, size).double().square().mean(-1).sqrt()


def _together(one: Float[Tensor, "S"], other: Float[Tensor, "S"]) -> float:
    """Correlation; 0 where one of them is constant."""
    one, other = one - one.mean(), other - other.mean()
    size = float(one.norm() * other.norm())
    return float((one * other).sum()) / size if size > 0 else 0.0


ROUND_TRIP_CHECKS: tuple[Callable[..., None], ...] = (
    decodes_what_it_encoded,
    keeps_time,
    uses_every_level,
    takes_long_sounds,
)
