"""Whether a codec takes half an hour in bounded memory: too slow for the suite, so tests call it."""

from __future__ import annotations

import resource

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.interfaces import Codec


def takes_half_an_hour(codec: Codec, wav: Float[Tensor, "1 N"] | None = None) -> None:
    """Half an hour of `wav`, or of noise, encoded and decoded, beyond what a minute takes: six times its own bytes."""
    rate = codec.sample_rate
    if wav is None:
        wav = torch.zeros(1, 30 * 60 * rate).uniform_(-0.3, 0.3)
    codec.encode(wav[:, : 60 * rate], torch.tensor([60 * rate]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
    _, lengths = codec.decode(codes, frames)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert lengths.tolist() == [wav.shape[1]]
    assert grown < 6 * wav.nbytes, f"{grown / 1e6:.0f} MB for {wav.nbytes / 1e6:.0f} MB of sound"
