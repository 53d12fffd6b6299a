"""Options of the codec language model (not of its backbone)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from valle_core.plugin import BEFORE, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOptions:
    """What surrounds the backbone, and which rows it is trained on.

    Attributes:
        parts: codec levels to train: level 0 (ar), levels ≥ 1 (nar), or both in one backbone.
        levels: number of codec levels to model; 0: all of the codec.
        level_distribution: distribution of the level a row is trained on: half (half of the rows level 0, the others
            decreasing), uniform, linear (decreasing), normal (half-normal around level 0) or list (level_weights).
        layout: order of a row: text-last (language · level · prompt · tone · text · response), text-first (text ·
            language · level · prompt · tone · response) or text-both (text at both places). Checkpoints keep their own.
        level_weights: weights of the levels from 0 on, for level_distribution list.
        sum_levels: frames to embed as the sum over their levels: those of the prompt, the response, both or none.
        codebook_embeddings: embed codes by projecting the codec's codebook vectors.
        tie: tie the weights of the output heads to the prompt embeddings.
        per_language_text: use a separate phoneme embedding table for each language.
        markers: how language, level and tone enter a row: as tokens of their own, or summed into every position.
        heads: one output head per level, or one shared by all levels.
        head_bias: train a bias of the output heads, which LlamaForCausalLM has none of; else it stays 0.
        token_error: training noise: probability, by level, of replacing a visible response code by a neighbour.
        token_rate: training noise: probability, by level, of replacing a visible response code by the mask token.
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
    head_bias: bool = True
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("token_error", "token_rate"):
            if not all(0 <= chance <= 1 for chance in getattr(self, name)):
                raise UserError(f"{name} must be probabilities in [0, 1], got {list(getattr(self, name))}")
