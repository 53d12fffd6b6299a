"""Fillers among samplers: run over frames that answer by what is open beside them, and the check that is theirs."""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

from collections.abc import Sequence
from unittest import SkipTest

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import Filler
from valle_core.synthesis.sampling.randomness import row_seeds
from valle_core.synthesis.sampling.view import View
from valle_testing.contract import contract
from valle_testing.suites.sampler.rows import Build, V, step_logits


class Answering:
    """Rows whose logits follow from their number, the frame and all codes open in the row; it watches what is asked."""

    def __init__(self, rows: Sequence[int], frames: Sequence[int], device: str) -> None:
        self.rows, self.frames, self.device = list(rows), list(frames), device

    def ask(self, codes: Int[Tensor, "N"]) -> Float[Tensor, "N V"]:
        """See `valle_core.interfaces.Ask`; token 3 stands at −inf."""
        assert codes.shape == (sum(self.frames),), (
            f"it asks with codes {tuple(codes.shape)} of {sum(self.frames)} frames"
        )
        assert not codes.is_floating_point() and bool(((codes >= 0) & (codes <= V)).all()), (
            f"it asks with codes {codes.tolist()}, of which the hidden ones are {V}"
        )
        logits = [
            step_logits(8, frame, self.device)[row].roll(sum((i + 1) * code for i, code in enumerate(known.tolist())))
            for row, known in zip(self.rows, codes.split(self.frames), strict=True)
            for frame in range(len(known))
        ]
        return torch.stack(logits).index_fill(1, torch.tensor([3], device=self.device), -torch.inf)


def filled(sampler: Filler, rows: Sequence[int], frames: Sequence[int], device: str) -> list[Int[Tensor, "F"]]:
    """The answers of these rows."""
    view = View.for_frames(seeds=row_seeds(0, list(rows), device=device), frames=frames, level=0)
    found = sampler.fill(Answering(rows, frames, device).ask, list(frames), V, view)
    assert found.shape == (sum(frames),), f"it gives codes {tuple(found.shape)} of {sum(frames)} frames"
    return list(found.split(list(frames)))


@contract("Filler", "Gives the code of every frame.")
def fills_every_frame(build: Build, *, device: str = "cpu") -> None:
    """Rows of different lengths: every frame has a code that is a token and was not excluded, alone as in a batch."""
    sampler = build()
    if not isinstance(sampler, Filler):
        raise SkipTest("it is no filler")
    frames = [6, 1, 3, 7, 2]
    together = filled(sampler, range(5), frames, device)
    for b, count in enumerate(frames):
        assert together[b].dtype == torch.int64, f"codes are {together[b].dtype}"
        codes = together[b].tolist()
        assert all(0 <= code < V for code in codes), f"row {b} is {codes}: a code is left hidden, or is no token"
        assert 3 not in codes, f"row {b} is {codes}: token 3 stands at −inf"
        alone = filled(sampler, [b], [count], device)[0].tolist()
        assert alone == codes, f"row {b} of 5 is {codes}, alone {alone}"
