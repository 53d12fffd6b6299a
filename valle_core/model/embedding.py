"""The model's one embedding table: learned rows, or projections of the codec's codebook vectors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.sequence.vocabulary import Vocabulary, response_range


class TokenEmbedding(nn.Module):
    """Sums the table rows of each position.

    With codebooks, the rows of code tokens are `codebook vector · projection + row`, one projection for prompts
    and one for responses; the learned row starts at zero and keeps what the codec's geometry does not say.
    """

    def __init__(self, vocabulary: Vocabulary, d_model: int, codebooks: Float[Tensor, "Q V d"] | None = None) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(vocabulary.size, d_model) * d_model**-0.5)
        self.vocabulary = vocabulary
        self.codebooks: Tensor | None
        if codebooks is None:
            self.register_buffer("codebooks", None)
            return
        if codebooks.shape[0] < vocabulary.num_levels or codebooks.shape[1] != vocabulary.codebook_size:
            raise UserError(
                f"codebooks {tuple(codebooks.shape[:2])} do not cover "
                f"{vocabulary.num_levels} levels × {vocabulary.codebook_size} codes"
            )
        self.register_buffer("codebooks", codebooks[: vocabulary.num_levels].detach().clone().float())
        width = codebooks.shape[2]
        self.prompt_projection = nn.Parameter(torch.randn(width, d_model) * (width * d_model) ** -0.5)
        self.response_projection = nn.Parameter(torch.randn(width, d_model) * (width * d_model) ** -0.5)
        with torch.no_grad():
            self.table[vocabulary.ranges()["prompt:0"].start : vocabulary.ranges()["NAR:0:0"].stop] = 0

    def rows(self) -> Float[Tensor, "R D"]:
        """The table as it is used now."""
        if self.codebooks is None:
            return self.table
        vocabulary = self.vocabulary
        zero = self.table.new_zeros(1, self.table.shape[1])
        prompt = self.codebooks @ self.prompt_projection  # [Q, V, D]
        response = self.codebooks @ self.response_projection
        parts = [self.table.new_zeros(vocabulary.ranges()["prompt:0"].start, self.table.shape[1])]
        parts += list(prompt)
        # A range that predicts level l reads codes of level l − 1 (level 0 reads itself); its last row is the mask.
        for level in range(vocabulary.num_levels):
            parts += [response[max(level - 1, 0)], zero]
        parts += [response[0], zero]
        parts.append(zero.expand(vocabulary.size - sum(map(len, parts)), -1))
        return self.table + torch.cat(parts)

    @torch.no_grad()
    def fold(self) -> None:
        """Put the projections into the table, for a model that is trained no more: the same rows, made once."""
        if self.codebooks is not None:
            self.table = nn.Parameter(self.rows())
            self.codebooks = None
            del self.prompt_projection, self.response_projection

    def forward(self, indices: Int[Tensor, "M"], offsets: Int[Tensor, "P"]) -> Float[Tensor, "P D"]:
        return F.embedding_bag(indices, self.rows(), offsets, mode="sum")

    def level0_rows(self, output: str = "codes") -> Float[Tensor, "V_plus_1 D"]:
        """Embeddings of the tokens an autoregressive row reads back."""
        found = self.vocabulary.ranges()[response_range(0) if output == "codes" else output]
        return self.rows()[found.start : found.stop]

    def prompt_rows(self, level: int) -> Float[Tensor, "V D"]:
        """Embeddings of one prompt level (tied heads use them)."""
        found = self.vocabulary.ranges()[f"prompt:{level}"]
        return self.rows()[found.start : found.stop]
