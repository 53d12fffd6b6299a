"""A recording of the voice → prompt codes."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.audio.wav import load
from valle_core.interfaces import Codec
from valle_core.plugin import UserError

MIN_SECONDS = 0.2


def encode_prompt(path: Path, codec: Codec, *, device: torch.device, max_seconds: float) -> Int[Tensor, "F Q"]:
    """Codes, on the CPU, of an audio file at any rate, downmixed and resampled; `device` is the codec's.

    Raises:
        UserError: unreadable, empty, shorter than 0.2 s or longer than `max_seconds`.
    """
    wav = load(path, codec.sample_rate, min_seconds=MIN_SECONDS, max_seconds=max_seconds)
    if not wav.any():
        raise UserError(f"prompt '{path}' is silent; give a recording of a voice")
    row = torch.from_numpy(wav)[None].to(device)
    codes, frames = codec.encode(row, torch.tensor([row.shape[1]], device=device))
    return codes[0, : int(frames[0])].cpu()
