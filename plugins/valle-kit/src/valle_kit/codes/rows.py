"""What codecs do around their networks: refuse what does not fit, then work row by row at each row's own length."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_core.plugin import UserError


def check_wav(wav: Tensor, lengths: Tensor) -> Float[Tensor, "B N"]:
    """[B, N] float32 waveforms whose rows hold `lengths` samples; raises `UserError` for what does not fit and NaN."""
    if wav.ndim != 2 or not wav.is_floating_point():
        raise UserError(f"audio must be float [B, N], mono, got {tuple(wav.shape)} of {wav.dtype}")
    if lengths.shape != wav.shape[:1] or bool((lengths < 0).any()) or bool((lengths > wav.shape[1]).any()):
        raise UserError(f"lengths {lengths.tolist()} do not fit {tuple(wav.shape)}. Give 0 … N for each row")
    if not bool(torch.isfinite(wav).all()):
        raise UserError("audio holds NaN or infinite samples. Repair or drop the file")
    return wav.float()


def check_levels(codes: Tensor, *, num_levels: int, codebook_size: int) -> Int[Tensor, "B F L"]:
    """int64 codes of the first 1 … `num_levels` levels; raises `UserError` for other shapes, types and values."""
    if codes.ndim != 3 or codes.is_floating_point() or not 1 <= codes.shape[2] <= num_levels:
        raise UserError(
            f"codes of shape {tuple(codes.shape)} and {codes.dtype} do not fit. Give integers [B, F, 1 … {num_levels}]"
        )
    if codes.numel() and (int(codes.min()) < 0 or int(codes.max()) >= codebook_size):
        low, high = int(codes.min()), int(codes.max())
        raise UserError(f"codes must be in [0, {codebook_size - 1}], got {low} … {high}")
    return codes.long()


def encode_rows(
    wav: Float[Tensor, "B N"],
    lengths: Int[Tensor, "B"],
    encode: Callable[[Float[Tensor, "n"]], Int[Tensor, "f Q"]],
    *,
    hop: int,
    num_levels: int,
) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
    """Codes of each row by itself, so that no code depends on the batch, not by a rounding either.

    `encode` gets the samples of a row (at least one) and gives ⌈n / hop⌉ frames. Results are on the device of `wav`.
    """
    lengths = lengths.to(wav.device)
    frames = (lengths + hop - 1) // hop
    size = (len(wav), int(frames.max()) if len(wav) else 0, num_levels)
    codes = torch.zeros(size, dtype=torch.long, device=wav.device)
    for row, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
        if count:
            codes[row, :count] = encode(wav[row, :length])
    return codes, frames


def decode_rows(
    codes: Int[Tensor, "B F L"],
    frames: Int[Tensor, "B"],
    decode: Callable[[Int[Tensor, "b f L"]], Float[Tensor, "b n"]],
    *,
    hop: int,
) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
    """Waveforms in [−1, 1], zero past each row's end; rows with equally many frames are decoded together.

    `decode` gives f · hop samples for f ≥ 1 frames. Results are on the device of `codes`.
    """
    B, count, _ = codes.shape
    if frames.shape != (B,) or bool((frames < 0).any()) or bool((frames > count).any()):
        raise UserError(f"frames {frames.tolist()} do not fit codes of shape {tuple(codes.shape)}. Give 0 … F a row")
    frames = frames.to(codes.device).long()
    wav = torch.zeros(B, count * hop, device=codes.device)
    for length in sorted({length for length in frames.tolist() if length}):
        rows = (frames == length).nonzero()[:, 0]
        sound = decode(codes[rows, :length])
        wav[rows, : length * hop] = sound.clamp(-1, 1)
    return wav, frames * hop


def whole_frames(wav: Float[Tensor, "n"], hop: int) -> Float[Tensor, "N"]:
    """The same sound with zeros up to the end of its last frame."""
    return F.pad(wav, (0, -len(wav) % hop))
