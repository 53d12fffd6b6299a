"""Long audio and streams in windows, exact for networks that look a bounded way to either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What decides how far a convolution looks, as in `torch.nn.Conv1d` and `ConvTranspose1d`."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    transposed: bool = False


def inputs_of(steps: Sequence[Step], first: int, last: int) -> tuple[int, int]:
    """First and last input that the outputs `first` … `last` of the steps, run in order, depend on.

    Inputs before 0 are those that padding supplies at the start.
    """
    for step in reversed(steps):
        if step.transposed:
            first = -((step.kernel - 1 - first - step.padding) // step.stride)
            last = (last + step.padding) // step.stride
        else:
            first = first * step.stride - step.padding
            last = last * step.stride - step.padding + (step.kernel - 1) * step.dilation
    return first, last


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Frames a frame depends on before and after itself."""

    left: int
    right: int


def encoder_context(steps: Sequence[Step], hop: int) -> Context:
    """Frames of audio around a frame that decide its codes."""
    first, last = inputs_of(steps, 0, 0)
    return Context(left=max(-(first // hop), 0), right=max(last // hop, 0))


def decoder_context(steps: Sequence[Step], hop: int) -> Context:
    """Frames of codes around a frame that decide its audio."""
    first, last = inputs_of(steps, 0, hop - 1)
    return Context(left=max(-first, 0), right=max(last, 0))


def encode_windows(
    wav: Float[Tensor, "N"],
    encode: Callable[[Float[Tensor, "n"]], Int[Tensor, "f Q"]],
    *,
    hop: int,
    context: Context,
    frames: int,
) -> Int[Tensor, "F Q"]:
    """Codes of N = F · hop samples from windows of at most `frames` frames beside their context.

    They are the codes of the whole, but for roundings, where `context` covers what the network sees.
    """
    total = len(wav) // hop
    if total <= frames + context.left + context.right:
        return encode(wav)
    kept = []
    for start in range(0, total, frames):
        stop = min(start + frames, total)
        first = max(start - context.left, 0)
        last = min(stop + context.right, total)
        kept.append(encode(wav[first * hop : last * hop])[start - first : stop - first])
    return torch.cat(kept)


class WindowStream:
    """A `CodecStream` that decodes each chunk with the frames around it that it depends on.

    Args:
        decode: codes [B, f, L], f ≥ 1 → audio [B, f · hop].
        check: gives the codes of a push on the right device, or raises `UserError`.
        context: what a frame of audio depends on; `context.right` frames are held back.
        batch: rows.
        frames: most frames decoded at once, beside their context.
    """

    def __init__(
        self,
        decode: Callable[[Int[Tensor, "B f L"]], Float[Tensor, "B n"]],
        check: Callable[[Tensor], Int[Tensor, "B f L"]],
        *,
        hop: int,
        context: Context,
        batch: int,
        device: torch.device,
        frames: int,
    ) -> None:
        self._decode, self._check = decode, check
        self._hop, self._context, self._frames = hop, context, frames
        self._nothing = torch.zeros(batch, 0, device=device)
        self._held: Tensor | None = None  # codes from frame `given - past` on
        self._past = 0

    @torch.inference_mode()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Audio that is final after these frames."""
        codes = self._check(codes)
        if self._held is not None and (self._held.shape[0], self._held.shape[2]) != (codes.shape[0], codes.shape[2]):
            before, now = tuple(self._held.shape), tuple(codes.shape)
            raise UserError(f"a stream began with {before[::2]} rows and levels, then got {now[::2]}. Keep them")
        chunks = [self._nothing]
        for part in codes.split(self._frames, dim=1):
            self._held = part if self._held is None else torch.cat([self._held, part], dim=1)
            chunks.append(self._say(self._held.shape[1] - self._past - self._context.right))
        return torch.cat(chunks, dim=1)

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, "B N"]:
        """What is left."""
        return self._nothing if self._held is None else self._say(self._held.shape[1] - self._past)

    def _say(self, count: int) -> Float[Tensor, "B N"]:
        """Audio of the next `count` frames; forgets what no later frame depends on."""
        if count <= 0 or self._held is None:
            return self._nothing
        wav = self._decode(self._held)[:, self._past * self._hop : (self._past + count) * self._hop].clamp(-1, 1)
        past = min(self._past + count, self._context.left)
        self._held = self._held[:, self._past + count - past :]
        self._past = past
        return wav
