"""Saying a text: the pointer goes forward unit by unit, and the row ends when it has left the last one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.sequence.alignment import SpokenText
from valle_pointer.pace import blocks, paced
from valle_pointer.units import Units, symbol_begins


class Sounds(NamedTuple):
    """What units add to an embedding.

    Attributes:
        units: [B, U, D] each unit, with what comes next.
        dwell: [n, D] by the frames it has lasted; the last row goes for more.
    """

    units: Float[Tensor, "B U D"]
    dwell: Float[Tensor, "n D"]

    def __call__(self, at: Int[Tensor, "B T"], lasted: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """For these units of each row."""
        _, U, D = self.units.shape
        units = self.units.gather(1, at.clamp(max=U - 1)[..., None].expand(-1, -1, D))
        return units + self.dwell[lasted.clamp(0, len(self.dwell) - 1)]


class Place(NamedTuple):
    """Where the pointers are, a row for each.

    Attributes:
        at: [R] unit that is said.
        lasted: [R] frames it has lasted.
        left: [R] how likely a steady pointer is still at it.
        begins: [R, U + 1] first frame of each unit, −1 where there is none yet.
    """

    at: Int[Tensor, "R"]
    lasted: Int[Tensor, "R"]
    left: Float[Tensor, "R"]
    begins: Int[Tensor, "R n"]

    def select(self, rows: Int[Tensor, "S"]) -> Place:
        """Copies of these, any of them more than once."""
        return Place(*(part[rows] for part in self))


class PointerWalk:
    """See `valle_core.sequence.alignment.Walk`. All rows are at the same frame; each has its own unit.

    Attributes:
        state: where the pointers are: of the rows of the batch, or of what a search goes on with.
        apart: whether a search goes on, so that they are in the order of the rows asked for.

    Args:
        text: of the rows.
        units: of the texts.
        sounds: what they add.
        limits: [B, U] most frames of each unit.
        begin: [B] unit that is said first.
        last: [B] unit that is said last.
        advance: state → log odds that its frame is the last of its unit.
        bias: added to these.
        speed: of the pace asked for to the model's own; see `kept`.
        steady: a unit is left when it is as likely over as not, instead of by a draw.
    """

    def __init__(
        self,
        text: SpokenText,
        units: Units,
        sounds: Sounds,
        limits: Int[Tensor, "B U"],
        begin: Int[Tensor, "B"],
        last: Int[Tensor, "B"],
        advance: nn.Module,
        *,
        bias: float,
        speed: float,
        steady: bool,
    ) -> None:
        self._text, self._units, self._sounds, self._limits = text, units, sounds, limits
        self._last, self._advance, self._bias, self._steady = last, advance, bias, steady
        self._speed = speed
        begins = torch.full((len(begin), limits.shape[1] + 1), -1, dtype=torch.long, device=begin.device)
        begins[torch.arange(len(begin), device=begin.device), begin] = 0
        left = torch.ones(len(begin), dtype=torch.float64, device=begin.device)
        self.state, self.apart = Place(begin.clone(), torch.zeros_like(begin), left, begins), False
        self._frame = 0

    def _here(self, rows: Int[Tensor, "R"]) -> Int[Tensor, "R"]:
        """Where the pointers of these rows are in the state."""
        return torch.arange(len(rows), device=rows.device) if self.apart else rows

    def answer(
        self,
        h: Float[Tensor, "R D"],
        logits: Float[Tensor, "R V"],
        rows: Int[Tensor, "R"],
        chance: Float[Tensor, "R"],
    ) -> Float[Tensor, "R V"]:
        """See `Walk.answer`. A unit has at least one frame and at most its limit."""
        place, here = self.state, self._here(rows)
        at, lasted = place.at[here], place.lasted[here]
        over = at > self._last[rows]
        stop = torch.zeros_like(logits, dtype=torch.bool)
        stop[:, -1] = True
        answered = logits.masked_fill(stop != over[:, None], float("-inf"))

        over_now = (self._advance(h)[:, 0].double() + self._bias).sigmoid()
        left = place.left[here] * (1 - over_now)
        limit = self._limits[rows, at.clamp(max=self._limits.shape[1] - 1)]
        go = ((left <= 0.5 if self._steady else chance < over_now) | (lasted + 1 >= limit)) & ~over
        self._frame += 1
        place.at[here] = at + go
        place.lasted[here] = torch.where(go, 0, lasted + 1)
        place.left[here] = torch.where(go, 1.0, left)
        place.begins[here, at + go] = torch.where(go, self._frame, place.begins[here, at + go])
        return answered

    def guide(self, rows: Int[Tensor, "R"]) -> Float[Tensor, "R D"]:
        """See `Walk.guide`."""
        sounds, here = self._sounds._replace(units=self._sounds.units[rows]), self._here(rows)
        return sounds(self.state.at[here][:, None], self.state.lasted[here][:, None])[:, 0]

    def kept(self, frames: Sequence[int]) -> list[Int[Tensor, "F"]]:
        """See `Walk.kept`."""
        rows = (paced(self._edges(row, count), self._speed)[0] for row, count in enumerate(frames))
        return [torch.tensor(row, dtype=torch.long) for row in rows]

    def settled(self, frames: Sequence[int]) -> list[int]:
        """For every row, how many of the frames of `kept` stay there whatever follows."""
        found = []
        for row, count in enumerate(frames):
            edges = self._edges(row, count)
            whole = sum(len(block) - 1 for block in blocks(edges)[:-1])  # units
            found.append(paced(edges, self._speed)[1][whole])
        return found

    def _edges(self, row: int, frames: int) -> list[int]:
        """Where units begin, and the end."""
        begins = {0, *(begin for begin in self.state.begins[row].tolist() if 0 <= begin < frames)}
        return [*sorted(begins), frames]

    def times(self, frames: Sequence[int]) -> list[Float[Tensor, "P_plus_1"]]:
        """See `Walk.times`."""
        begins = torch.where(self.state.begins < 0, torch.iinfo(torch.long).max, self.state.begins)
        begins = torch.minimum(begins, torch.tensor(frames, device=begins.device)[:, None])
        found = symbol_begins(self._units, begins).cpu()
        for row, count in enumerate(frames if self._speed != 1 else ()):
            edges = self._edges(row, count)
            moved = torch.tensor(paced(edges, self._speed)[1])
            found[row] = moved[torch.searchsorted(torch.tensor(edges), found[row])]
        found, end = found[:, :-1].float(), found[:, -1:].float()
        return [
            torch.cat([row[:n], last]) for row, last, n in zip(found, end, self._text.lengths.tolist(), strict=True)
        ]
