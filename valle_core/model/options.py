"""Options of the codec language model (not of its backbone)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from valle_core.plugin import BEFORE, UserError

if TYPE_CHECKING:
    from valle_core.types import Role


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
        masked: share of the level-0 rows trained to fill hidden codes in place, for --sampler masked; 0: level 0 is
            autoregressive only; 1: it is masked only.
        masked_share: tell masked rows the share of hidden codes (a timestep embedding).
        drop_text: probability of training a row without its text, for classifier-free guidance.
        drop_prompt: probability of training a row without its prompt.
        drop_condition: probability of training a row without text, prompt and tone, all at once.
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
    masked: float = 0.0
    masked_share: bool = False
    drop_text: float = 0.0
    drop_prompt: float = 0.0
    drop_condition: float = 0.0
    token_error: tuple[float, ...] = ()
    token_rate: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("token_error", "token_rate"):
            if not all(0 <= chance <= 1 for chance in getattr(self, name)):
                raise UserError(f"{name} must be probabilities in [0, 1], got {list(getattr(self, name))}")
        for name in ("masked", "drop_text", "drop_prompt", "drop_condition"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} must be in [0, 1], got {getattr(self, name):g}")
        if self.masked_share and not self.masked:
            raise UserError(
                "masked_share tells of masked rows, and none are trained; add --model.masked 0.5, or leave it out"
            )
        if self.masked and self.parts == "nar":
            raise UserError("masked is a share of level 0, which parts nar does not train; leave one of the two out")

    @property
    def drops(self) -> tuple[tuple[frozenset[Role], float], ...]:
        """What rows are trained without, and how probably; each is drawn by itself."""
        roles: tuple[tuple[Role, ...], ...] = (("text", "prompt", "tone"), ("text",), ("prompt",))
        chances = zip(roles, (self.drop_condition, self.drop_text, self.drop_prompt), strict=True)
        return tuple((frozenset(names), chance) for names, chance in chances if chance)

    @property
    def unguided(self) -> frozenset[Role]:
        """What a model trained so can be asked for without, in the branch that guidance leads away from."""
        return frozenset(role for roles, _ in self.drops for role in roles)
