"""Which positions of a batch the backbone reads as one: G frames of a response, and G of a prompt.

The position that answers frame k of a response reads frame k − 1 (for k = 0 what stands before the response). A group
ends where k is a multiple of G, so its state answers frames k … k + G − 1; the last frames of a row that fill no group
are read by nothing. A prompt ends with a whole group, and its first one may hold fewer frames. All else stands alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from valle_core.types import PackedMask, SequenceMask
from valle_draft.training import rows_of


class Groups(NamedTuple):
    """N positions of a flattened batch, read as M.

    Attributes:
        last: [M] place of each group's last position, ascending.
        members: [M, G] places of all its positions, the last one last.
        present: [M, G] False where a group has no such position.
        frames: [M] whether it is one of frames.
        lengths: [R] groups of each row.
        within: [M] place of the group in its row.
        rows: [M] row of each group.
        frame: [N] k; below 0 before a response and in rows that do not answer level 0 frame by frame.
    """

    last: Int[Tensor, "M"]
    members: Int[Tensor, "M G"]
    present: Bool[Tensor, "M G"]
    frames: Bool[Tensor, "M"]
    lengths: Int[Tensor, "R"]
    within: Int[Tensor, "M"]
    rows: Int[Tensor, "M"]
    frame: Int[Tensor, "N"]

    @classmethod
    def of(cls, batch: Any, vocabulary: Any, size: int) -> Groups:
        """Those of a `RowBatch` for groups of `size`."""
        rows, real = rows_of(batch), _real(batch)
        device, N, R = rows.device, len(rows), len(batch.levels)
        places = torch.arange(N, device=device)
        found = batch.predicted.get(0)
        answered = places[:0] if found is None else found.positions
        first = torch.full((R,), 2 * N, device=device).scatter_reduce(0, rows[answered], answered, "amin")
        frame = (places - first[rows]).where(real, -1)  # k
        grouped = (first < N)[rows] & real
        prompt = grouped & (frame < 0) & _reads_prompt(batch, vocabulary)
        # Positions up to the last of the prompt (or whatever run of its frames) that a position is in.
        ends = prompt & ~torch.cat([prompt[1:], prompt.new_zeros(1)])
        to_end = torch.where(ends, places, N).flip(0).cummin(0).values.flip(0) - places
        back = torch.where(prompt, to_end, torch.where(frame > 0, -frame, 0)) % size  # to the last one of its group
        last = (real & (back == 0)).nonzero().squeeze(1)
        members = last[:, None] - torch.arange(size - 1, -1, -1, device=device)
        held = members.clamp(min=0)
        distance = torch.arange(size - 1, -1, -1, device=device)
        present = (back[held] == distance) & (rows[held] == rows[last][:, None])
        lengths = torch.zeros(R, dtype=torch.long, device=device).index_add(0, rows[last], torch.ones_like(last))
        before = lengths.cumsum(0) - lengths
        within = torch.arange(len(last), device=device) - before[rows[last]]
        return cls(last, held, present, (prompt | (frame > 0))[last], lengths, within, rows[last], frame)

    def laid_out(self, x: Float[Tensor, "M D"], batch: Any) -> tuple[Float[Tensor, "B T D"], Any, Int[Tensor, "B T"]]:
        """The groups as the backbone reads them, in rows or end to end as the batch is; their mask and positions."""
        if batch.packed:
            offsets = torch.nn.functional.pad(self.lengths.cumsum(0), (1, 0))
            return x[None], PackedMask(offsets=offsets, prefix=batch.packed.mask.prefix), self.within[None]
        B, T = len(self.lengths), int(self.lengths.max())
        mask = SequenceMask(
            lengths=self.lengths,
            prefix=batch.mask.prefix,
            query_start=torch.zeros_like(self.lengths),
            form=batch.mask.form,
            padded=bool((self.lengths != T).any()),
            uncached=True,
        )
        padded = x.new_zeros(B * T, x.shape[1]).index_copy(0, self.rows * T + self.within, x)
        return padded.view(B, T, -1), mask, torch.arange(T, device=x.device).expand(B, T)

    def states(self, h: Float[Tensor, "B T D"], batch: Any) -> Float[Tensor, "M D"]:
        """Of each group, from what the backbone made of them."""
        return h[0] if batch.packed else h.flatten(0, 1)[self.rows * h.shape[1] + self.within]


def _real(batch: Any) -> Bool[Tensor, "N"]:
    """Whether a position is one of its row at all."""
    if batch.packed:
        return torch.ones_like(batch.packed.places, dtype=torch.bool)
    return (batch.positions < batch.mask.lengths[:, None]).flatten()


def _reads_prompt(batch: Any, vocabulary: Any) -> Bool[Tensor, "N"]:
    """Whether a position of a row that answers level 0 reads codes of recorded audio, level 0 first."""
    codes = vocabulary.ranges()["prompt:0"]
    first = batch.indices[batch.offsets.clamp(max=len(batch.indices) - 1)]
    return (first >= codes.start) & (first < codes.stop)
