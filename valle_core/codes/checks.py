"""What a tensor of codes must look like before it is stored, modelled or decoded."""

from __future__ import annotations

import torch
from torch import Tensor

from valle_core.plugin import UserError


def check_codes(codes: Tensor, *, num_levels: int, codebook_size: int, what: str) -> None:
    """Raises `UserError` unless `codes` is an integer tensor [F, Q] or [B, F, Q] with values in 0 … V − 1.

    `what` names the codes in the message, e.g. `"utterance 'a/b/1'"`.
    """
    if codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
        raise UserError(f"codes of {what} must be integers, got {codes.dtype}")
    if codes.ndim not in (2, 3) or codes.shape[-1] != num_levels:
        raise UserError(f"codes of {what} must be [frames, {num_levels}], got {list(codes.shape)}")
    if codes.numel() == 0:
        return
    low, high = int(codes.min()), int(codes.max())
    if low < 0 or high >= codebook_size:
        raise UserError(f"codes of {what} must be in [0, {codebook_size - 1}], got {low} … {high}")
