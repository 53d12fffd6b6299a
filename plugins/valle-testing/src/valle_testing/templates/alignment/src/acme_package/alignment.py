"""Symbols that all last equally long."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from valle_core.sequence.alignment import Guided, SpokenText

from acme_package.options import AcmeNameOptions
from acme_package.walk import AcmeNameWalk, symbol_at


def build(
    options: AcmeNameOptions,
    *,
    d_model: int,
    symbols: Sequence[str],
    languages: int,
) -> AcmeNameAlignment:
    """Factory of the entry point."""
    return AcmeNameAlignment(options, d_model, len(symbols), languages)


class AcmeNameAlignment(nn.Module):
    """See `valle_core.sequence.alignment.Alignment`."""

    def __init__(self, options: AcmeNameOptions, d_model: int, symbols: int, languages: int) -> None:
        super().__init__()
        # Scaled like the rows of the token table, which they are added to.
        self.symbol = nn.Parameter(torch.randn(symbols, d_model) * d_model**-0.5)
        self.language = nn.Parameter(torch.randn(languages, d_model) * d_model**-0.5)
        self.log_frames = nn.Parameter(torch.tensor(math.log(options.frames)))

    def guide(self, text: SpokenText, length: int) -> Guided:
        """With times each frame is told the symbol it says, and the mean length of its row's symbols is the target."""
        times, frames = text.times, text.frames
        if times is None:
            times, frames = self._plan(text, speed=1.0), torch.ones_like(text.frames)
        start = text.start - (text.levels == 0).long()
        frame = torch.arange(length, device=start.device) - start[:, None]  # [B, T]
        inside = (frame >= 0) & (frame < frames[:, None])
        at = symbol_at(times, text.lengths, frame)
        x = self._sounds(text).gather(1, at[..., None].expand(-1, -1, self.symbol.shape[1])) * inside[..., None]
        if text.times is None:
            return Guided(x, None)
        mean = (text.times[:, -1] - text.times[:, 0]) / text.lengths  # [B]
        return Guided(x, mean[:, None].expand(-1, length)[inside & (text.levels == 0)[:, None]])

    def losses(self, h: Float[Tensor, "K D"], targets: Tensor) -> Mapping[str, Float[Tensor, ""]]:
        """r − 1 − log r of the ratio r to what is expected: 0 where they agree, least at the mean of the targets."""
        ratio = targets.float().clamp(min=1) * (-self.log_frames.float()).exp()
        return {"frames": (ratio - 1 - ratio.log()).sum() / max(len(targets), 1)}

    def walk(self, text: SpokenText, *, speed: float = 1.0, steady: bool = False) -> AcmeNameWalk:
        """Always a steady one."""
        return AcmeNameWalk(text.lengths, self._sounds(text), self._plan(text, speed=speed))

    def _sounds(self, text: SpokenText) -> Float[Tensor, "B P D"]:
        return self.symbol[text.symbols] + self.language[text.languages][:, None]

    def _plan(self, text: SpokenText, *, speed: float) -> Int[Tensor, "B P_plus_1"]:
        """Begins in whole frames, so that rounding does not add up; a frame at least for each symbol."""
        number = torch.arange(text.symbols.shape[1] + 1, device=text.lengths.device)
        frames = (self.log_frames.detach().double().exp() / speed).clamp(min=1)
        return (torch.minimum(number, text.lengths[:, None]) * frames).floor().long()
