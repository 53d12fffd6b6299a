"""A mixture of feed-forward experts with the router of X-MoE (Chi et al. 2022, arXiv 2204.09179)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from valle_retnet.feed_forward import FeedForward
from valle_retnet.options import RetNetSizes

TEMPERATURE = 0.3
"""Where the router's learned temperature starts (section 3.2)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """What the router of one layer did with the valid positions.

    Attributes:
        balance: E · Σ_e share_e · P_e, 1 where all experts are used alike; P_e is the mean gate of expert e
            (Fedus et al. 2021, arXiv 2101.03961, eq. 4).
        share: [E] part of the assignments that went to each expert.
    """

    balance: Float[Tensor, ""]
    share: Float[Tensor, "E"]


class Experts(nn.Module):
    """Each position goes to the experts with the highest gates; none is dropped, so no row depends on another.

    Gates are a softmax of cosine similarities between experts and positions in a narrow space (eq. 6–7). One chosen
    expert is weighted by its gate, several by their gates divided by their sum. Experts without biases keep
    padding zero.
    """

    def __init__(self, sizes: RetNetSizes) -> None:
        super().__init__()
        self.chosen = sizes.experts_per_token
        narrow = max(2, sizes.n_experts // 2)
        self.project = nn.Linear(sizes.d_model, narrow, bias=False)
        self.codes = nn.Parameter(torch.empty(sizes.n_experts, narrow))
        self.temperature = nn.Parameter(torch.empty(1))
        self.experts = nn.ModuleList(FeedForward(sizes) for _ in range(sizes.n_experts))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Fresh codes and temperature."""
        nn.init.orthogonal_(self.codes)
        nn.init.constant_(self.temperature, TEMPERATURE)

    def forward(
        self, x: Float[Tensor, "B T D"], valid: Bool[Tensor, "B T"] | None
    ) -> tuple[Float[Tensor, "B T D"], Routing]:
        """`valid` is True at positions that count for the balance; None counts all."""
        flat = x.flatten(0, 1)
        gates = self.gates(flat)
        weights, picked = self._pick(gates)
        out = self._run(flat, weights, picked)
        counted = gates if valid is None else gates[valid.flatten()]
        used = picked if valid is None else picked[valid.flatten()]
        share = F.one_hot(used, gates.shape[1]).to(gates.dtype).sum((0, 1)) / max(1, used.numel())
        mean = counted.sum(0) / max(1, counted.shape[0])
        return out.view_as(x), Routing(balance=gates.shape[1] * (share * mean).sum(), share=share)

    def step(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """The same for one position of each row, without the figures."""
        return self._run(x, *self._pick(self.gates(x)))

    def gates(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
        """Probabilities of the experts, in float32 at least."""
        scores = F.normalize(self.project(x).float(), dim=-1) @ F.normalize(self.codes.float(), dim=-1).T
        return (scores / self.temperature.float().clamp(min=0.01)).softmax(-1)

    def _pick(self, gates: Tensor) -> tuple[Tensor, Tensor]:
        weights, picked = gates.topk(self.chosen, dim=-1)
        return (weights if self.chosen == 1 else weights / weights.sum(-1, keepdim=True)), picked

    def _run(self, x: Tensor, weights: Tensor, picked: Tensor) -> Tensor:
        out = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            position, slot = (picked == index).nonzero(as_tuple=True)
            if position.numel() or torch.is_grad_enabled():  # an idle expert still gets a gradient, of zeros
                part = expert(x[position]) * weights[position, slot, None].to(x.dtype)
                out = out.index_add(0, position, part.to(x.dtype))
        return out
