"""Rules tokens out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valle_core.plugin import UserError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from valle_core.interfaces import SamplerView


@dataclass(frozen=True, kw_only=True, slots=True)
class BannedTokens:
    """The tokens named are never chosen; a row that had no others left keeps them.

    Attributes:
        tokens: numbers of codes, e.g. [3, 17], from 0 to the codebook's size − 1; the size itself is the stop token.
    """

    tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for token in self.tokens:
            if token < 0:
                raise UserError(f"banned_tokens' tokens must be at least 0, got {token}")

    def process(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Float[Tensor, "B V"]:
        """Raises `UserError` for a token that the model does not have."""
        V = logits.shape[-1]
        if not self.tokens:
            return logits
        if max(self.tokens) >= V:
            raise UserError(f"banned_tokens' tokens must be in [0, {V - 1}] for this model, got {max(self.tokens)}")
        import torch

        index = torch.tensor(self.tokens, device=logits.device)
        kept = logits.index_fill(1, index, -math.inf)
        none_left = kept.amax(-1, keepdim=True) == -math.inf
        return kept.index_copy_(1, index, logits[:, index].masked_fill_(~none_left, -math.inf))
