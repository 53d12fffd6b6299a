"""Beam search: the likeliest answer that a bounded number of beginnings leads to, scored by its length too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from valle_samplers.bounds import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from valle_core.interfaces import Follow


@dataclass(frozen=True, kw_only=True, slots=True)
class Beam:
    """Follows the `width` likeliest beginnings of each row; the answer has the largest Σ ln p / length^alpha.

    The length counts the stop token. Of the candidates of a step, those that stop are kept as answers if they are
    among the `width` best. A row ends when no beginning can beat its best answer any more, whatever follows; one that
    is at its bound counts as it stands. Width 1 with alpha 0 is greedy decoding.

    Attributes:
        width: beginnings that are followed, from 1 to 64; each costs as much as a row of the batch.
        alpha: length normalisation, from 0 (none, which favours short output) to 4; 1 is the mean of ln p.
    """

    width: int = 4
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require("beam's width", self.width, low=1, high=64)
        require("beam's alpha", self.alpha, low=0.0, high=4.0)

    def search(
        self, logits: Float[Tensor, "B V"], follow: Follow, bounds: Sequence[int], stop: int | None
    ) -> Int[Tensor, "B L"]:
        beams = _Beams.of(logits, bounds, stop)
        for length in range(1, max(bounds, default=0) + 1):
            beams, parents, tokens = self._grown(beams, logits, length)
            staying = self._staying(beams, length)
            if not len(staying):
                break
            if len(staying) < len(beams.rows):
                beams = beams.select(staying)
                parents, tokens = (one[staying] for one in (parents, tokens))
            logits = follow(parents.flatten(), tokens.flatten())
        return beams.found

    def _grown(
        self, beams: _Beams, logits: Float[Tensor, "R V"], length: int
    ) -> tuple[_Beams, Int[Tensor, "B W"], Int[Tensor, "B W"]]:
        """One token more, with the rows of `logits` that the beginnings come from, and their tokens."""
        import torch

        B, V = len(beams.rows), logits.shape[1]
        before = logits.shape[0] // B
        totals = beams.scores[:, :, None] + logits.double().log_softmax(-1).view(B, before, V)
        values, index = _best(totals.flatten(1), 2 * self.width)  # as many are left when half of them stop
        parents, tokens = index // V, index % V
        stops = tokens.eq(-1 if beams.stop is None else beams.stop)
        ended = values.masked_fill(~stops, -math.inf)[:, : self.width]
        beams.keep_best(ended / length**self.alpha, beams.histories(parents[:, : self.width]), length - 1)
        order = stops.long().argsort(dim=-1, stable=True)[:, : self.width]  # those that go on, best first
        scores = values.masked_fill(stops, -math.inf).gather(1, order)
        # Where too few go on, a beginning worth −inf goes on with token 0, as nothing reads a stop token.
        parents, tokens = parents.gather(1, order), tokens.masked_fill(stops, 0).gather(1, order)
        grown = beams.histories(parents)
        grown[:, :, length - 1] = tokens
        at_end = beams.bounds == length
        beams.keep_best((scores / length**self.alpha).masked_fill(~at_end[:, None], -math.inf), grown, length)
        rows = parents + before * torch.arange(B, device=parents.device)[:, None]
        return beams.followed(scores.masked_fill(at_end[:, None], -math.inf), grown), rows, tokens

    def _staying(self, beams: _Beams, length: int) -> Int[Tensor, "S"]:
        """Rows that may still find something better: Σ ln p only falls, and is divided by the bound's power at most."""
        attainable = beams.scores[:, 0] / beams.bounds.double() ** self.alpha
        return (attainable > beams.best[beams.rows]).nonzero().squeeze(1)


def _best(totals: Float[Tensor, "B N"], count: int) -> tuple[Float[Tensor, "B C"], Int[Tensor, "B C"]]:
    """The largest Σ ln p and their places, −inf at 0 where there are fewer; of equal ones the first place comes first.

    The magnitudes are compared as integers that end in the place, so that no two are equal and every device and batch
    finds the same ones. Of the 52 bits of a magnitude, those of a place are lost: at most 17 of 65,600 candidates.
    """
    import torch

    N = totals.shape[1]
    width = (1 << max(1, (N - 1).bit_length())) - 1
    keys = (totals.abs().view(torch.int64) & ~width) | torch.arange(N, device=totals.device)
    place = keys.topk(min(count, N), dim=-1, largest=False, sorted=True).values & width
    missing = (0, count - place.shape[1])
    pad = torch.nn.functional.pad
    return pad(totals.gather(1, place), missing, value=-math.inf), pad(place, missing)


class _Beams(NamedTuple):
    """Beginnings of the rows that are still looked for, and the best answer of every row.

    Attributes:
        scores: [B, W] Σ ln p, best first; −inf where there is none.
        tokens: [B, W, L].
        rows: [B] places among all rows.
        bounds: [B] most tokens.
        best: [A] normalised score of the best answer of each of all rows; shared and written to, as `found` is.
        found: [A, L] its tokens, then stop tokens.
        stop: index of the stop token, or None.
    """

    scores: Float[Tensor, "B W"]
    tokens: Int[Tensor, "B W L"]
    rows: Int[Tensor, "B"]
    bounds: Int[Tensor, "B"]
    best: Float[Tensor, "A"]
    found: Int[Tensor, "A L"]
    stop: int | None

    @classmethod
    def of(cls, logits: Float[Tensor, "B V"], bounds: Sequence[int], stop: int | None) -> _Beams:
        """One empty beginning for each row."""
        import torch

        B, most = logits.shape[0], max(bounds, default=0)
        nothing = torch.full((B, most), 0 if stop is None else stop, dtype=torch.long, device=logits.device)
        zeros = logits.new_zeros(B, dtype=torch.float64)
        return cls(
            scores=zeros[:, None],
            tokens=nothing[:, None],
            rows=torch.arange(B, device=logits.device),
            bounds=torch.tensor(list(bounds), dtype=torch.long, device=logits.device),
            best=zeros - math.inf,
            found=nothing.clone(),
            stop=stop,
        )

    def histories(self, parents: Int[Tensor, "B C"]) -> Int[Tensor, "B C L"]:
        """Copies of what these beginnings have said."""
        return self.tokens.gather(1, parents[:, :, None].expand(-1, -1, self.tokens.shape[2]))

    def followed(self, scores: Float[Tensor, "B W"], tokens: Int[Tensor, "B W L"]) -> _Beams:
        return self._replace(scores=scores, tokens=tokens)

    def select(self, staying: Int[Tensor, "S"]) -> _Beams:
        """These of the rows."""
        scores, tokens, rows, bounds = (one[staying] for one in self[:4])
        return self._replace(scores=scores, tokens=tokens, rows=rows, bounds=bounds)

    def keep_best(self, scores: Float[Tensor, "B C"], tokens: Int[Tensor, "B C L"], length: int) -> None:
        """Answers of `length` tokens, where one is better than the best so far (−inf never is)."""
        import torch

        value, place = scores.max(dim=1)
        answer = tokens.gather(1, place[:, None, None].expand(-1, 1, tokens.shape[2])).squeeze(1)
        end = torch.arange(answer.shape[1], device=answer.device) >= length
        answer = answer.masked_fill(end, 0 if self.stop is None else self.stop)
        better: Bool[Tensor, "B"] = value > self.best[self.rows]
        self.found[self.rows] = torch.where(better[:, None], answer, self.found[self.rows])
        self.best[self.rows] = torch.where(better, value, self.best[self.rows])
