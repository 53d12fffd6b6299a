"""What a distribution is like: its entropy and what varies around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def entropy(logits: Float[Tensor, "B V"]) -> Float[Tensor, "B 1"]:
    """−Σ p ln p in nats; tokens at −inf count for nothing."""
    return -_weighted(logits)[1].sum(-1, keepdim=True)


def entropy_and_spread(logits: Float[Tensor, "B V"]) -> tuple[Float[Tensor, "B 1"], Float[Tensor, "B 1"]]:
    """Entropy in nats, and the variance of −ln p around it in nats²."""
    logs, weighted = _weighted(logits)
    found = -weighted.sum(-1, keepdim=True)
    return found, (logs.exp() * (logs + found).square()).nan_to_num(0.0).sum(-1, keepdim=True)


def candidates(logits: Float[Tensor, "B V"]) -> Int[Tensor, "B 1"]:
    """How many tokens are not at −inf."""
    return (~logits.isneginf()).sum(-1, keepdim=True)


def _weighted(logits: Float[Tensor, "B V"]) -> tuple[Float[Tensor, "B V"], Float[Tensor, "B V"]]:
    """ln p and p ln p, which is 0 where p is."""
    logs = logits.log_softmax(-1)
    return logs, (logs.exp() * logs).masked_fill(logs.isneginf(), 0.0)
