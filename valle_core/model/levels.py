"""Which codebook level a training row predicts."""

from __future__ import annotations

import math
from random import Random

from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError


def level_weights(options: ModelOptions, num_levels: int) -> tuple[float, ...]:
    """Probability of each level 0 … Q − 1, summing to 1.

    half: ½ for level 0, of the rest proportional to Q − l; uniform: equal; linear: proportional to Q − l; normal:
    exp(−l² / (2 (Q/2)²)); list: as given. Levels outside `options.parts` get 0.

    Raises:
        UserError: a list of the wrong length, with a negative weight, that is not asked for, or with nothing left
            to draw.
    """
    if options.level_weights and options.level_distribution != "list":
        raise UserError(
            f"model.level_weights has no effect with level_distribution {options.level_distribution}; "
            "add --model.level-distribution list, or leave the weights out"
        )
    if options.level_distribution == "half":
        falling = [float(num_levels - level) for level in range(1, num_levels)]
        weights = [sum(falling) or 1.0, *falling]
    elif options.level_distribution == "uniform":
        weights = [1.0] * num_levels
    elif options.level_distribution == "linear":
        weights = [float(num_levels - level) for level in range(num_levels)]
    elif options.level_distribution == "normal":
        width = num_levels / 2
        weights = [math.exp(-(level**2) / (2 * width**2)) for level in range(num_levels)]
    else:
        weights = list(options.level_weights)
        if len(weights) != num_levels or min(weights, default=-1.0) < 0:
            raise UserError(f"model.level_weights: expected {num_levels} weights ≥ 0 (one per level), got {weights}")
    if options.parts == "ar":
        weights = [weights[0]] + [0.0] * (num_levels - 1)
    elif options.parts == "nar":
        weights = [0.0, *weights[1:]]
    total = sum(weights)
    if total <= 0:
        raise UserError(
            f"no level left to train: parts '{options.parts}' with weights {weights}; give one of them a weight"
        )
    return tuple(weight / total for weight in weights)


def draw_level(weights: tuple[float, ...], rng: Random) -> int:
    """One level, by these probabilities."""
    return rng.choices(range(len(weights)), weights=weights)[0]
