"""Codecs over stacks: sounds and codes of any length in chunks, for bounded memory, and the streaming decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_core.plugin import UserError
from valle_kit.codes.convolutions import Layer
from valle_kit.codes.stack import Stack
from valle_kit.graphs.pure import PureGraphs
from valle_kit.graphs.pushes import pushed


def spans(total: int, size: int) -> list[tuple[int, int]]:
    """First and last + 1 of the chunks of `total`: each `size` long, the last one to two of it."""
    starts = range(0, max(total - size, 0) + 1, size)
    return [(start, total if start == starts[-1] else start + size) for start in starts]


def encoded(
    layers: Sequence[Layer], wav: Float[Tensor, "n"], *, hop: int, frames: int
) -> Iterator[Float[Tensor, "1 d f"]]:
    """Latents of a sound from chunks of `frames` (the last may hold nearly two of them)."""
    stack = Stack(layers)
    for start, stop in (total := spans(-(-len(wav) // hop), frames)):
        end = stop == total[-1][1]
        latents = stack.push(wav[None, None, start * hop : None if end else stop * hop], end=end)
        if latents.shape[2]:
            yield latents


def decoded(
    layers: Sequence[Layer],
    latents: Callable[[Int[Tensor, "B f L"]], Float[Tensor, "B d f"]],
    codes: Int[Tensor, "B F L"],
    *,
    hop: int,
    frames: int,
) -> Float[Tensor, "B N"]:
    """Audio of F · hop samples; zeros where the network gives less than whole frames."""
    stack, parts, total = Stack(layers), [], codes.shape[1]
    for start, stop in spans(total, frames):
        parts.append(stack.push(latents(codes[:, start:stop]), end=stop == total)[:, 0])
    wav = torch.cat(parts, dim=1)
    return F.pad(wav, (0, total * hop - wav.shape[1])) if wav.shape[1] < total * hop else wav


class StackStream:
    """A `CodecStream` over a stack that turns latents into sound.

    After n frames, n − lookahead frames of sound have come out; `flush` gives the rest.

    Args:
        latents: codes [B, f, L], f ≥ 1 → [B, d, f], fresh memory.
        check: gives the codes of a push on the right device, or raises `UserError`.
        layers: of a number of levels, from latents to sound [B, 1, n].
        lookahead: frames that are held back, see `valle_kit.codes.stack.lookahead`.
        batch: rows.
        frames: most frames that go through the layers at once.
        graphs: replays pushes of a codec, or None.
    """

    def __init__(
        self,
        latents: Callable[[Int[Tensor, "B f L"]], Float[Tensor, "B d f"]],
        check: Callable[[Tensor], Int[Tensor, "B f L"]],
        layers: Callable[[int], Sequence[Layer]],
        *,
        hop: int,
        lookahead: int,
        batch: int,
        device: torch.device,
        frames: int,
        graphs: PureGraphs | None = None,
    ) -> None:
        self._graphs = graphs
        self._latents, self._check, self._layers = latents, check, layers
        self._stack: Stack | None = None
        self._hop, self._lookahead, self._frames = hop, lookahead, frames
        self._ready = torch.zeros(batch, 0, device=device)
        self._form: tuple[int, int] | None = None
        self._pushed = self._given = 0
        self._nothing = self._ready

    @torch.inference_mode()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Audio that is final after these frames, a whole number of frames of it."""
        codes = self._check(codes)
        form = (codes.shape[0], codes.shape[2])
        if self._form not in (None, form):
            raise UserError(f"a stream began with {self._form} rows and levels, then got {form}. Keep them")
        if not codes.shape[1]:
            return self._ready[:, :0]
        self._form = form
        self._stack = self._stack or Stack(self._layers(form[1]))
        chunks = [self._ready]
        for part in codes.split(self._frames, dim=1):
            latents = self._latents(part)
            self._nothing = latents[..., :0].clone()
            wav = pushed(self._graphs, form[1], self._stack, latents) if self._graphs else None
            chunks.append((self._stack.push(latents) if wav is None else wav)[:, 0])
        self._pushed += codes.shape[1]
        self._ready = torch.cat(chunks, dim=1)
        return self._give(max(self._pushed - self._lookahead, 0) - self._given)

    @torch.inference_mode()
    def flush(self) -> Float[Tensor, "B N"]:
        """What is left; zeros where the network gives less than whole frames."""
        if self._stack is None:
            return self._ready
        rest = self._stack.push(self._nothing, end=True)[:, 0]
        self._ready = torch.cat([self._ready, rest], dim=1)
        count = self._pushed - self._given
        self._ready = F.pad(self._ready, (0, count * self._hop - self._ready.shape[1]))
        return self._give(count)

    def _give(self, frames: int) -> Float[Tensor, "B N"]:
        self._given += frames
        wav, self._ready = self._ready[:, : frames * self._hop], self._ready[:, frames * self._hop :]
        return wav.clamp(-1, 1)
