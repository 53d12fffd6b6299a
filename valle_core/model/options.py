"""Options of the codec language model (not of its backbone)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from valle_core.plugin import BEFORE, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOptions:
    """What surrounds the backbone, and which rows it is trained on.

    Attributes:
        parts: rows to train: level 0 (ar), levels ≥ 1 (nar), or both in one backbone.
        levels: codebook levels to model; 0 takes all the codec has.
        level_distribution: distribution of a row's level: half (half of the rows at level 0, the speech; the rest
            decreasing with the level), uniform, linear (decreasing with the level), normal (half-normal around level
            0), or list (level_weights).
        layout: where a row has its text: `text-last` (language · level · prompt · tone · text · response), `text-first`
            (text · language · level · prompt · tone · response) or `text-both` (the text at both places). A checkpoint
            keeps its own.
        level_weights: weight of each level from 0 on, for level_distribution list.
        sum_levels: whether prompt and response frames are the sum of their levels' embeddings.
        codebook_embeddings: embed codes by a projection of the codec's own codebook vectors.
        tie: use the prompt embeddings as the heads' weights.
        per_language_text: one phoneme table per language.
        markers: language, level and tone as tokens of their own, or summed into every position.
        heads: one output layer per level, or one shared by all.
        token_error: probability, by level, that a visible response code is replaced by a neighbouring one in training.
        token_rate: probability, by level, that a visible response code is replaced by the mask token in training.
    """

    parts: Literal["both", "ar", "nar"] = "both"
    levels: int = 0
    level_distribution: Literal["half", "uniform", "linear", "normal", "list"] = "half"
    level_weights: tuple[float, ...] = ()
    layout: Literal["text-first", "text-last", "text-both"] = field(
        default="text-last", metadata={BEFORE: "text-first"}
    )
    sum_levels: Literal["none", "prompt", "response", "both"] = "both"
    codebook_embeddings: bool = False
    tie: bool = False
    per_language_text: bool = False
    markers: Literal["token", "sum"] = "token"
    heads: Literal["per_level", "shared"] = "per_level"
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("token_error", "token_rate"):
            if not all(0 <= chance <= 1 for chance in getattr(self, name)):
                raise UserError(f"{name} must be probabilities in [0, 1], got {list(getattr(self, name))}")
