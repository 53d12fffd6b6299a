"""Output layers: states → logits over the codes of a level (and, at level 0, the stop token)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from valle_core.model.embedding import TokenEmbedding


class Heads(nn.Module):
    """One linear layer per level or one for all, optionally tied to the prompt embeddings.

    Level 0 has V + 1 outputs, the last one being the stop token; the other levels have V. Answers that are not codes
    have a layer each, with a stop token.
    """

    def __init__(
        self, d_model: int, num_levels: int, codebook_size: int, *, shared: bool, tied: bool, answers: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.codebook_size, self.shared, self.tied = codebook_size, shared, tied
        self.stop = nn.Parameter(torch.zeros(1, d_model))
        self.bias = nn.Parameter(torch.zeros(1 if shared else num_levels, codebook_size + 1))
        if not tied:
            count = 1 if shared else num_levels
            self.weight = nn.Parameter(torch.randn(count, codebook_size, d_model) * d_model**-0.5)
        self.answers = nn.ModuleDict({name: nn.Linear(d_model, size + 1) for name, size in answers.items()})

    def matrix(self, level: int | str, embedding: TokenEmbedding) -> tuple[Tensor, Tensor]:
        """Weight [V (+ 1), D] and bias of a level, or of an output that is not codes."""
        if isinstance(level, str):
            layer = self.answers[level]
            assert isinstance(layer, nn.Linear)
            return layer.weight, layer.bias
        row = 0 if self.shared else level
        weight = embedding.prompt_rows(level) if self.tied else self.weight[row]
        bias = self.bias[row]
        if level == 0:
            return torch.cat([weight, self.stop]), bias
        return weight, bias[: self.codebook_size]
