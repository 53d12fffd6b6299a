"""A small recurrent layer that goes on from the backbone's state to the states of the next frames."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Cell(nn.Module):
    """s' = A y + B silu(C y) with y = [s; norm x]. It begins as s' = s."""

    def __init__(self, d_model: int, width: float) -> None:
        """`width`: of its hidden layer, as a multiple of d_model."""
        super().__init__()
        hidden = max(1, round(width * d_model))
        self.norm = nn.RMSNorm(d_model)
        self.inner = nn.Linear(2 * d_model, hidden)
        self.outer = nn.Linear(hidden, d_model)
        self.skip = nn.Linear(2 * d_model, d_model, bias=False)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)
        nn.init.zeros_(self.skip.weight)
        with torch.no_grad():
            self.skip.weight[:, :d_model] = torch.eye(d_model)

    def forward(self, state: Float[Tensor, "N D"], x: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """The state after `state`, of the position that reads x."""
        both = torch.cat([state, self.norm(x)], -1)
        return self.skip(both) + self.outer(nn.functional.silu(self.inner(both)))
