"""Classifier-free guidance (2207.12598): what text and prompt change about the logits, enlarged.

A row and the same row without them are two rows of one batch: one forward pass, of twice the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.types import Role, TaskSequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Guidance:
    """How far to go, and away from what.

    Attributes:
        scale: w of u + w (c − u), with c the logits of a row and u those without; 1 is c, and costs nothing.
        rescale: φ in [0, 1] of φ x σ(c)/σ(x) + (1 − φ) x, with x from above (2305.08891, eq. 15 and 16) and σ over the
            tokens of a position.
        without: what is left out for u.
    """

    scale: float = 1.0
    rescale: float = 0.0
    without: frozenset[Role] = frozenset()

    @classmethod
    def of(cls, model: ModelOptions, where: str, *, scale: float, rescale: float, without: str) -> Guidance:
        """For a model with these options. Raises `UserError` where it was not trained for it."""
        if scale == 1:
            return cls()
        alone = next((roles for roles, _ in model.drops if roles == {without}), frozenset[Role]())
        roles = model.unguided if without == "all" else alone
        if not roles:
            what, option = ("text or prompt", "condition") if without == "all" else (f"its {without}", without)
            fix = f"leave guidance out, or train with --model.drop-{option} 0.1"
            raise UserError(f"{where} was never trained without {what}, which guidance needs; {fix}")
        return cls(scale=scale, rescale=rescale, without=roles)

    @property
    def branches(self) -> int:
        """Rows of the model for each row asked for."""
        return 1 if self.scale == 1 else 2

    def rows(self, rows: Sequence[TaskSequence]) -> list[TaskSequence]:
        """The rows, and behind all of them the same ones without what is left out."""
        if self.scale == 1:
            return list(rows)
        return [*rows, *(replace(row, without=row.without | self.without) for row in rows)]

    def __call__(self, logits: Float[Tensor, "branches_N V"]) -> Float[Tensor, "N V"]:
        """The logits of `rows`, in that order → guided ones."""
        if self.scale == 1:
            return logits
        given, plain = logits.float().chunk(2)
        guided = plain + self.scale * (given - plain)
        if self.rescale:
            wanted, found = given.std(-1, keepdim=True), guided.std(-1, keepdim=True)
            ratio = torch.where(found > 0, wanted / found, 1.0)  # equal logits stay equal, whatever they are
            guided = guided * (1 - self.rescale + self.rescale * ratio)
        return guided


UNGUIDED = Guidance()
"""The logits as they are."""
