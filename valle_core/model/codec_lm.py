"""The codec language model: one table in, a backbone, one head per level out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.model.embedding import TokenEmbedding
from valle_core.model.heads import Heads
from valle_core.model.hidden_share import HiddenShare
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.alignment import Alignment, Guided
from valle_core.sequence.masking import MASKED
from valle_core.sequence.pack import Answer, PackRules, RowBatch, marker_indices
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskSequence


class ModelOutput(NamedTuple):
    """What the model makes of a batch.

    Attributes:
        logits: of every predicted position, by level or output that is not codes.
        losses: the backbone's own, to add to the training loss.
        figures: the backbone's own, for the metrics only.
        frame_losses: the alignment's, to add as well: means over the positions predicted at level 0.
    """

    logits: dict[Answer, Float[Tensor, "K V"]]
    losses: Mapping[str, Float[Tensor, ""]]
    figures: Mapping[str, Float[Tensor, ""]]
    frame_losses: Mapping[str, Float[Tensor, ""]] = {}


class CodecLM(nn.Module):
    """VALL-E (2301.02111) with both halves in one backbone: level 0 is predicted causally, the others in place.

    Attributes:
        backbone: any `valle_core.interfaces.Backbone`.
        vocabulary: ranges of the embedding table.
        rules: how rows become table indices; training and synthesis pack with the same ones.
        parts: which of the two halves this model was made for ("both", "ar", "nar").
        masked: share of masked rows at level 0, as in `ModelOptions`.
    """

    def __init__(
        self,
        backbone: Backbone,
        vocabulary: Vocabulary,
        options: ModelOptions,
        codebooks: Float[Tensor, "Q V d"] | None = None,
        alignment: Alignment | None = None,
        tasks: tuple[str, ...] = (),
        draft: Any = None,
    ) -> None:
        """
        Args:
            backbone: an `nn.Module` that keeps the `Backbone` contract.
            vocabulary: sizes.
            options: variants of embeddings and heads, and the order of rows.
            codebooks: the codec's vectors, for `options.codebook_embeddings`.
            alignment: an `nn.Module` that says the text frame by frame, in place of a segment of it; None for none.
            tasks: names of the tasks that have a token, in the order of the table.
            draft: an `nn.Module` for several frames a step (`valle_draft.contracts.Draft`); None for none.

        Raises:
            UserError: the backbone takes no bidirectional rows but some are wanted, or codebooks are missing.
        """
        super().__init__()
        assert isinstance(backbone, nn.Module)
        if options.masked or (options.parts != "ar" and vocabulary.num_levels > 1):
            causal = options.parts != "nar" and options.masked < 1
            missing = {"full", "mixed" if causal else "full"} - backbone.mask_forms
            if missing:
                raise UserError(
                    f"the backbone takes no {' or '.join(sorted(missing))} rows, which levels ≥ 1 "
                    "and a masked level 0 need. Train level 0 alone with --model.parts ar --model.masked 0, or choose "
                    "another --arch"
                )
        self.backbone = backbone
        self.vocabulary = vocabulary
        self.parts, self.masked = options.parts, options.masked
        self.rules = PackRules(
            vocabulary=vocabulary,
            sum_prompt=options.sum_levels in ("prompt", "both"),
            sum_response=options.sum_levels in ("response", "both"),
            sum_markers=options.markers == "sum",
            layout=options.layout,
            aligned=alignment is not None,
            tasks=tasks,
        )
        assert alignment is None or isinstance(alignment, nn.Module)
        self.alignment, self.draft = alignment, draft
        self.hidden_share = HiddenShare(backbone.d_model) if options.masked_share else None
        if options.codebook_embeddings and codebooks is None:
            raise UserError("model.codebook_embeddings: this codec publishes no codebook vectors; leave it off")
        self.embedding = TokenEmbedding(
            vocabulary, backbone.d_model, codebooks if options.codebook_embeddings else None
        )
        self.heads = Heads(
            backbone.d_model,
            vocabulary.num_levels,
            vocabulary.codebook_size,
            shared=options.heads == "shared",
            tied=options.tie,
            answers=vocabulary.answers() if vocabulary.writes else {},
        )
        self.heads.bias.requires_grad_(options.head_bias)

    def embed(self, batch: RowBatch) -> Float[Tensor, "B T D"]:
        """Summed table rows of every position, and what the alignment adds; zeros where padded."""
        return self._guided(batch).x

    def _guided(self, batch: RowBatch) -> Guided:
        B, T = batch.positions.shape
        x = self.embedding(batch.indices, batch.offsets).view(B, T, -1)
        if self.hidden_share is not None:
            x = x + self.hidden_share.added(batch, self.vocabulary.ranges()["NAR:0:0"].stop - 1)
        if self.alignment is None:
            return Guided(x, None)
        assert batch.text is not None
        packed = batch.packed
        added, targets = self.alignment.guide(batch.text, packed.width if packed else T)
        if batch.text.conditioned is not None:
            added = added * batch.text.conditioned[:, None, None]
        return Guided(x + (added.flatten(0, 1)[packed.places] if packed else added), targets)

    def embed_token(
        self, rows: Sequence[TaskSequence]
    ) -> Callable[[Int[Tensor, "B"], Int[Tensor, "B"]], Float[Tensor, "B 1 D"]]:
        """How codes of level 0 are read back: (codes, which of `rows` each continues) → the backbone's next input.

        The rows are of one output. The table is put together once, so the function lasts as long as the weights stay
        what they are.
        """
        table = self.embedding.level0_rows(rows[0].output)
        if not self.rules.sum_markers:
            return lambda codes, _: table[codes][:, None]
        indices = torch.tensor([marker_indices(row, self.rules) for row in rows], device=table.device)
        markers = self.embedding.table[indices].sum(1)  # [B, D]
        return lambda codes, places: (table[codes] + markers[places])[:, None]

    def head(self, level: Answer) -> Callable[[Float[Tensor, "K D"]], Float[Tensor, "K V"]]:
        """Finished states → logits of a level; like `embed_token` it lasts as long as the weights."""
        weight, bias = self.heads.matrix(0 if level == MASKED else level, self.embedding)
        return partial(F.linear, weight=weight, bias=bias)

    def condition(self, batch: RowBatch) -> Float[Tensor, "R C"]:
        """The level's embedding, for backbones with adaptive norms; behind it the level, for those that read it."""
        rows = self.embedding.table[batch.levels + self.vocabulary.ranges()["level"].start]
        return torch.cat([rows, batch.levels[:, None]], 1) if hasattr(self.backbone, "reads_levels") else rows

    def forward(self, batch: RowBatch) -> ModelOutput:
        """Logits of every predicted position, and what backbone and alignment add."""
        x, targets = self._guided(batch)
        run = self.backbone if self.draft is None else self.draft.around(self, batch, targets)
        out = run(
            x, batch.packed.mask if batch.packed else batch.mask, batch.positions, condition=self.condition(batch)
        )
        flat = out.h.flatten(0, 1)  # [B · T, D]
        h = {level: self.backbone.finish(flat[found.positions]) for level, found in batch.predicted.items()}
        logits = {level: self.head(level)(found) for level, found in h.items()}
        if self.alignment is None or targets is None or 0 not in h:
            return ModelOutput(logits, out.losses, out.figures)
        return ModelOutput(logits, out.losses, out.figures, self.alignment.losses(h[0], targets))
