"""The alignment `pointer`: which phoneme each frame says, and whether the next frame stays at it (MODEL12).

After VALL-E R (2406.07855) and RALL-E (2404.03204). With a_t the unit of frame t, d_t the frames it has lasted and z
the phoneme encoder, the position that answers frame t gets H z_{a_t} + N z_{a_t + 1} + E[min(d_t, longest told)] added
to its embedding, and gives beside the code whether frame t is the last of its unit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import Search
from valle_core.sequence.alignment import Guided, SpokenText
from valle_kit.pointer_graphs import PointerGraphs
from valle_pointer.beginnings import Beginnings
from valle_pointer.bounds import bounds_of
from valle_pointer.dwells import Dwells
from valle_pointer.encoder import PhonemeEncoder
from valle_pointer.graphs import AdvanceGraph, TextGraph
from valle_pointer.options import PointerOptions
from valle_pointer.units import Units, kinds_of, symbol_begins, units_of
from valle_pointer.walk import PointerWalk, Sounds


class Pointer(nn.Module):
    """See `valle_core.sequence.alignment.Alignment`.

    Attributes:
        rows: tensors whose first rows are of symbols or languages, so that a new run may have others.
        options: as given.
        dwells: how long phonemes lasted in training; part of the weights.
    """

    rows: Mapping[str, str] = MappingProxyType(
        {
            "encoder.table": "symbols",
            "dwells.frames": "symbols",
            "dwells.counts": "symbols",
            "encoder.language": "languages",
        }
    )
    kinds: Tensor

    def __init__(self, options: PointerOptions, *, d_model: int, symbols: Sequence[str], languages: int) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("kinds", kinds_of(symbols), persistent=False)
        self.encoder = PhonemeEncoder(
            len(symbols),
            languages,
            d_model,
            layers=options.layers,
            kernel=options.kernel,
            dropout=options.dropout,
        )
        # Scaled like the rows of the token table, which are added to it.
        self.here, self.next = (nn.Parameter(torch.randn(d_model, d_model) / d_model) for _ in range(2))
        self.dwell = nn.Parameter(torch.randn(options.dwell + 1, d_model) * d_model**-0.5)
        self.dwell._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]
        self.advance = nn.Linear(d_model, 1)
        self.dwells = Dwells(len(symbols))

    def units(self, text: SpokenText) -> Units:
        """What the pointer points at in each text."""
        return units_of(self.kinds[text.symbols], text.lengths)

    def sounds(self, text: SpokenText, units: Units) -> Sounds:
        """What each unit adds where it is said, and where it comes next."""
        z = self.encoder(text.symbols, units, text.languages)
        following = torch.cat([z[:, 1:], torch.zeros_like(z[:, :1])], 1)
        return Sounds(units=z @ self.here + following @ self.next, dwell=self.dwell)

    def guide(self, text: SpokenText, length: int) -> Guided:
        """See `Alignment.guide`. In training boundaries are jittered and durations counted."""
        units = self.units(text)
        sounds = self.sounds(text, units)
        if text.times is None:
            return Guided(self._first(text, units, sounds, length), None)
        bounds = bounds_of(
            units, text.times, text.frames, jitter=self.options.jitter if self.training else 0.0
        )  # [B, U + 1]
        if self.training:
            self.dwells.count(text.symbols, units, bounds)
        start = text.start - (text.levels == 0).long()
        frame = torch.arange(length, device=start.device) - start[:, None]  # [B, T]
        inside = (frame >= 0) & (frame < text.frames[:, None])
        at = torch.searchsorted(bounds[:, 1:].contiguous(), frame.clamp(min=0), right=True)
        at = at.clamp(max=bounds.shape[1] - 2)
        lasted = frame - bounds.gather(1, at)
        x = sounds(at, lasted) * inside[..., None]
        last = frame + 1 >= bounds.gather(1, at + 1)
        return Guided(x, last[inside & (text.levels == 0)[:, None]])

    def losses(self, h: Float[Tensor, "K D"], targets: Tensor) -> Mapping[str, Float[Tensor, ""]]:
        """Cross-entropy of staying or advancing, weighted."""
        weight = torch.where(targets, self.options.advance_weight, 1.0)
        logits = self.advance(h)[:, 0].float()
        loss = F.binary_cross_entropy_with_logits(logits, targets.float(), weight=weight, reduction="sum")
        return {"advance": self.options.weight * loss / max(len(targets), 1)}

    def walk(self, text: SpokenText, *, speed: float = 1.0, steady: bool = False) -> PointerWalk:
        """See `Alignment.walk`."""
        units = self.units(text)
        return PointerWalk(
            text,
            units,
            self.sounds(text, units),
            self.limits(text, units),
            *self.ends(units),
            self.advance,
            bias=self._bias,
            speed=speed,
            steady=steady,
        )

    def graphs(self) -> PointerGraphs:
        """See `HasPointerGraphs`."""
        pointer = copy.deepcopy(self).eval()
        return PointerGraphs(TextGraph(pointer), AdvanceGraph(pointer.advance, self._bias))

    def along(self, walk: PointerWalk, search: Search) -> Search:
        """See `valle_core.sequence.alignment.Branching`."""
        return Beginnings(walk, search)

    def durations(self, text: SpokenText, *, speed: float = 1.0) -> tuple[list[Float[Tensor, "P_plus_1"]], list[int]]:
        """See `KnowsDurations.durations`: the mean durations of training."""
        units = self.units(text)
        ends = (self.dwells.usual(text.symbols, units) / speed).cumsum(1)  # [B, P + 2]
        begins = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
        frames = ends.gather(1, units.counts[:, None] + 1)[:, 0].round().clamp(min=1)
        rows = zip(symbol_begins(units, begins).cpu(), text.lengths.tolist(), strict=True)
        return [torch.cat([row[:n], row[-1:]]) for row, n in rows], [int(count) for count in frames.tolist()]

    def limits(self, text: SpokenText, units: Units) -> Int[Tensor, "B U"]:
        """Most frames of each unit."""
        return self.dwells.limits(text.symbols, units, longest=self.options.longest, forced=self.options.forced)

    def ends(self, units: Units) -> tuple[Int[Tensor, "B"], Int[Tensor, "B"]]:
        """The units that texts begin with, and their last ones: a silence where there was one in training."""
        return self._begin(units), units.counts + self.dwells.ends_in_silence().long()

    @property
    def _bias(self) -> float:
        """Added to the log odds of `advance`, whose loss was weighted."""
        return -math.log(self.options.advance_weight)

    def _begin(self, units: Units) -> Int[Tensor, "B"]:
        """The unit that texts begin with: the silence before, if there was one in training."""
        return torch.where(self.dwells.begins_with_silence(), 0, 1).expand(len(units.counts))

    def _first(self, text: SpokenText, units: Units, sounds: Sounds, length: int) -> Float[Tensor, "B T D"]:
        at = self._begin(units)[:, None]
        first = sounds(at, torch.zeros_like(at))  # [B, 1, D]
        here = torch.arange(length, device=text.start.device) == text.start[:, None] - 1
        return first * here[..., None]


def build(options: PointerOptions, *, d_model: int, symbols: Sequence[str], languages: int) -> Pointer:
    """Factory of the registry entry `pointer`."""
    return Pointer(options, d_model=d_model, symbols=symbols, languages=languages)
