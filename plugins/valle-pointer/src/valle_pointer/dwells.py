"""How long phonemes lasted in training: whole numbers among the weights, so that no dtype rounds them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from valle_pointer.units import Units

SHORTEST_LIMIT = 4
"""Frames that any phoneme may last, whatever its mean."""


class Dwells(nn.Module):
    """Counts by symbol; two rows more are the silences before and behind.

    Args:
        symbols: size of the symbol map.
    """

    frames: Tensor
    counts: Tensor
    texts: Tensor

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.symbols = symbols
        self.register_buffer("frames", torch.zeros(symbols + 2, dtype=torch.long))
        self.register_buffer("counts", torch.zeros(symbols + 2, dtype=torch.long))
        self.register_buffer("texts", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def count(self, symbols: Int[Tensor, "B P"], units: Units, bounds: Int[Tensor, "B V"]) -> None:
        """Take a batch's durations; a unit without a frame is not counted."""
        lasted = bounds.diff(dim=1)  # [B, U]
        who = torch.cat([symbols, self._silences(len(symbols))], 1)
        sounding = torch.cat([units.carrier, units.carrier.new_ones(len(symbols), 2)], 1)
        of = torch.cat([units.of, torch.zeros_like(units.counts)[:, None], units.counts[:, None] + 1], 1)
        frames = torch.where(sounding, lasted.gather(1, of), 0)
        self.frames.index_add_(0, who.flatten(), frames.flatten())
        self.counts.index_add_(0, who.flatten(), (frames > 0).long().flatten())
        self.texts += len(symbols)

    def limits(self, symbols: Int[Tensor, "B P"], units: Units, *, longest: int, forced: float) -> Int[Tensor, "B U"]:
        """[B, P + 2] most frames of each unit: `forced` times its mean, at most `longest`, which is also that of a
        phoneme never met."""
        mean = self.frames / self.counts.clamp(min=1)
        most = (mean * forced).ceil().long().clamp(min=min(SHORTEST_LIMIT, longest), max=longest)
        return self._by_unit(torch.where(self.counts > 0, most, longest), symbols, units)

    def usual(self, symbols: Int[Tensor, "B P"], units: Units) -> Float[Tensor, "B U"]:
        """[B, P + 2] mean frames of each unit; a phoneme never met lasts as long as the mean of all, and a silence is
        left out where fewer than every other text had one."""
        anyone = (self.frames[:-2].sum() / self.counts[:-2].sum().clamp(min=1)).clamp(min=1.0)
        mean = torch.where(self.counts > 0, self.frames / self.counts.clamp(min=1), anyone)
        silences = torch.stack([self.begins_with_silence(), self.ends_in_silence()])
        return self._by_unit(torch.cat([mean[:-2], mean[-2:] * silences]), symbols, units)

    def _by_unit(self, values: Tensor, symbols: Int[Tensor, "B P"], units: Units) -> Tensor:
        """[B, P + 2] values of symbols and silences, by the unit that is named for each."""
        found = values[torch.cat([symbols, self._silences(len(symbols))], 1)]
        of = torch.cat([units.of, torch.zeros_like(units.counts)[:, None], units.counts[:, None] + 1], 1)
        sounding = torch.cat([units.carrier, units.carrier.new_ones(len(symbols), 2)], 1)
        blank = torch.zeros(len(symbols), symbols.shape[1] + 3, dtype=values.dtype, device=symbols.device)
        return blank.scatter(1, torch.where(sounding, of, symbols.shape[1] + 2), found)[:, :-1]

    def begins_with_silence(self) -> Bool[Tensor, ""]:
        """Whether at least every other text had frames before its first phoneme."""
        return (self.counts[-2] * 2 >= self.texts) & (self.texts > 0)

    def ends_in_silence(self) -> Bool[Tensor, ""]:
        """Whether at least every other text had frames behind its last phoneme."""
        return (self.counts[-1] * 2 >= self.texts) & (self.texts > 0)

    def _silences(self, rows: int) -> Int[Tensor, "B two"]:
        return torch.tensor([[self.symbols, self.symbols + 1]], device=self.counts.device).expand(rows, 2)
