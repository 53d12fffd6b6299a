"""How evenly the router shares the tokens out among the experts: a loss, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """What the router of one layer decided for the N valid tokens.

    Attributes:
        logits: [N, E].
        chosen: [N, k] experts of each token.
    """

    logits: Float[Tensor, "N E"]
    chosen: Int[Tensor, "N k"]


def balance_loss(routings: Sequence[Routing]) -> Float[Tensor, ""]:
    """E · Σᵢ fᵢ · Pᵢ (Fedus et al. 2021, arXiv 2101.03961, eq. 4–6), at least k, which it is when all are used alike.

    fᵢ is the share of tokens sent to expert i (they sum to k), Pᵢ its mean probability, both over the tokens of all
    layers together, as transformers' Mixtral takes it. Zero without tokens.
    """
    logits = torch.cat([routing.logits for routing in routings])
    N, E = logits.shape
    if N == 0:
        return logits.new_zeros((), dtype=torch.float32)
    probabilities = logits.float().softmax(-1).mean(0)  # [E]
    shares = _counts(torch.cat([routing.chosen for routing in routings]), E) / N
    return E * (shares * probabilities).sum()


def load_figures(routings: Sequence[Routing]) -> dict[str, Float[Tensor, ""]]:
    """Shares of a layer's assignments, 1 / E each when balanced: `expert_0_load` … are means over the layers,
    `expert_load_max` and `expert_load_min` the extremes over experts and layers. Empty without tokens."""
    E = routings[0].logits.shape[1]
    if not len(routings[0].chosen):
        return {}
    loads = torch.stack([_counts(routing.chosen, E) / routing.chosen.numel() for routing in routings])  # [layers, E]
    means = {f"expert_{i}_load": share for i, share in enumerate(loads.mean(0).unbind())}
    return {**means, "expert_load_max": loads.max(), "expert_load_min": loads.min()}


def _counts(chosen: Int[Tensor, "N k"], experts: int) -> Float[Tensor, "E"]:
    flat = chosen.flatten()
    return torch.zeros(experts, device=chosen.device).scatter_add_(0, flat, torch.ones_like(flat, dtype=torch.float32))
