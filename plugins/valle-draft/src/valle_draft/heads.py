"""The draft `heads`: one small recurrent layer goes on from the backbone's state, and the model's head reads it.

With h_t the finished state that answers frame t, and x_t what the backbone reads there (the code of frame t − 1, and
what the alignment says of frame t): s_t = h_t; from y = [s_{t+k−1}; norm x_{t+k}] comes s_{t+k} = A y + B silu(C y),
which stands for h_{t+k}. A head that sees what was drafted before it (Hydra, 2402.05109), with the same weights for
every frame (ReDrafter, 2403.09919), where Medusa (2401.10774) has one for each frame that sees h_t alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_draft.cell import Cell
from valle_draft.options import HeadsOptions
from valle_draft.training import Level0, refuse_without_level0, without_effect
from valle_kit.ahead import Positions
from valle_kit.drafting import decode_drafted


class DraftHeads(Cell):
    """See `valle_draft.contracts.Draft`. Of the model nothing but the alignment's own head learns from the drafts."""

    needed = False

    def __init__(self, options: HeadsOptions, d_model: int) -> None:
        super().__init__(d_model, options.width)
        self.options = options

    def around(self, model: Any, batch: Any, targets: Any) -> Callable[..., Any]:
        """See `Draft.around`: the divergence of each draft's distribution from the model's own, and its alignment's."""
        refuse_without_level0(model)
        if not self.training:
            return model.backbone

        def run(x: Float[Tensor, "B T D"], *given: Any, **more: Any) -> Any:
            out = model.backbone(x, *given, **more)
            level0 = Level0(model, batch, targets)
            if not len(level0.positions):
                return out
            loss, figures = self._losses(level0, level0.states(out.h).detach(), x.detach().flatten(0, 1))
            figures = {**out.figures, **figures}
            return out.__class__(h=out.h, kept=out.kept, losses={**out.losses, "draft": loss}, figures=figures)

        return run

    def _losses(
        self, level0: Level0, h: Float[Tensor, "K D"], x: Float[Tensor, "N D"]
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        """Means over k = 1 … count of KL(p_{t+k} ‖ q_k); how often both have the same likeliest code, for each k."""
        P = level0.positions
        with torch.no_grad():
            wanted = level0.logits(h).log_softmax(-1)
        state, total, figures = h, h.new_zeros((), dtype=torch.float32), {}
        for k in range(1, self.options.count + 1):
            if len(P) <= k:
                break
            before = P[: len(P) - k]
            follows = (P[k:] == before + k).nonzero().squeeze(1)  # in the same row
            state = self(state[: len(before)], x[(before + k).clamp(max=len(x) - 1)])
            mine, theirs = state[follows], wanted[k:][follows]
            q = level0.logits(mine, frozen=True).log_softmax(-1)
            apart = nn.functional.kl_div(q, theirs, reduction="sum", log_target=True) / max(len(follows), 1)
            total = total + apart + level0.advance(mine, follows + k)
            alike = (q.argmax(-1) == theirs.argmax(-1)).float().sum()
            figures[f"draft_{k}"] = torch.stack([alike, alike.new_tensor(float(len(follows)))])
        return self.options.weight * level0.share * total / self.options.count, figures

    def notice(self, options: Any, searching: bool) -> str:
        """See `Draft.notice`."""
        return without_effect(options, searching)

    def decode(
        self, model: Any, walk: Any, parts: Any, batch: Any, backbone: Any, prompted: Any, *given: Any, **more: Any
    ) -> Any:
        """See `Draft.decode`."""
        drafts = self.options.count if parts.drafts < 0 else parts.drafts
        drafter = HeadDrafter(self, backbone, prompted.condition)
        changing = [] if walk is None else [walk]
        more["unchecked"] = parts.unchecked
        return decode_drafted(drafter, drafts, changing, backbone, prompted, *given, **more)


class HeadDrafter(Positions):
    """See `valle_kit.drafting.Drafter`."""

    def __init__(self, heads: DraftHeads, backbone: Any, condition: Tensor | None) -> None:
        super().__init__(backbone, condition)
        self._heads = heads

    def next(self, state: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], cache: Any) -> Float[Tensor, "R D"]:
        """See `Drafter.next`."""
        return self._heads(state, x[:, 0])

    def check(self, x: Float[Tensor, "R T D"], cache: Any) -> Float[Tensor, "R T D"]:
        """See `Drafter.check`."""
        return self(x, cache, 0, self.layers)


def build(options: HeadsOptions, *, d_model: int, n_layers: int) -> DraftHeads:
    """Factory of the registry entry `heads`."""
    return DraftHeads(options, d_model)
