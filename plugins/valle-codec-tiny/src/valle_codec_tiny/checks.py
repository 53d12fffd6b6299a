"""What the codecs refuse, in one line each."""

from __future__ import annotations

import torch
from torch import Tensor

from valle_core.plugin import UserError


def check_wav(wav: Tensor, lengths: Tensor) -> Tensor:
    """[B, N] float waveforms whose rows hold `lengths` samples, clipped to [−1, 1]."""
    if wav.ndim != 2 or not wav.is_floating_point():
        raise UserError(f"audio must be float [B, N], mono, got {tuple(wav.shape)} of {wav.dtype}")
    if lengths.shape != wav.shape[:1] or bool((lengths < 0).any()) or bool((lengths > wav.shape[1]).any()):
        raise UserError(f"lengths {lengths.tolist()} do not fit {tuple(wav.shape)}. Give 0 … N for each row")
    if not bool(torch.isfinite(wav).all()):
        raise UserError("audio holds NaN or infinite samples. Repair or drop the file")
    return wav.float().clamp(-1, 1)


def check_codes(codes: Tensor, levels: int, size: int) -> Tensor:
    """[B, F, L] integer codes of the first 1 … `levels` levels, each in 0 … `size` − 1."""
    if codes.ndim != 3 or codes.is_floating_point() or not 1 <= codes.shape[2] <= levels:
        raise UserError(
            f"codes of shape {tuple(codes.shape)} and {codes.dtype} do not fit. Give integers [B, F, 1 … {levels}]"
        )
    if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= size):
        raise UserError(f"codes must be in [0, {size - 1}], got {int(codes.min())} … {int(codes.max())}")
    return codes.long()
