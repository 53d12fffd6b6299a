"""Encoding audio of any length in bounded memory, window by window."""

from __future__ import annotations

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from valle_core.interfaces import Codec


def encode_long(
    codec: Codec, wav: Float[Tensor, "N"], *, window_seconds: float = 20.0, context_seconds: float = 1.0
) -> Integer[Tensor, "F Q"]:
    """Codes of one recording, F = ⌈N / hop⌉.

    Up to `window_seconds` it is `codec.encode` itself. Longer audio is encoded in windows that share
    `context_seconds` on either side; of each window the middle is kept, so the codes equal those of the whole
    wherever the codec looks no further than the context.
    """
    hop = codec.hop
    context = round(context_seconds * codec.frame_rate)
    window = max(round(window_seconds * codec.frame_rate), 2 * context + 1)
    total = -(-len(wav) // hop)
    if total <= window:
        return _encode_one(codec, wav)
    step = window - 2 * context
    kept = []
    for start in range(0, total, step):
        first = max(start - context, 0)
        last = min(start + step + context, total)
        codes = _encode_one(codec, wav[first * hop : last * hop])
        kept.append(codes[start - first : min(start + step, total) - first])
    return torch.cat(kept)  # [F, Q]


def _encode_one(codec: Codec, wav: Float[Tensor, "N"]) -> Integer[Tensor, "F Q"]:
    with torch.no_grad():
        codes, frames = codec.encode(wav[None], torch.tensor([len(wav)], device=wav.device))
    return codes[0, : int(frames[0])]
