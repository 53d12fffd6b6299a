"""The draft `layer-skip`: LayerSkip (2404.16710), whose first layers draft what all layers check, over one cache.

In training a row skips layer l of L with probability p_l = p (exp(l ln 2 / (L − 1)) − 1) (section 4.1, without a
curriculum over steps), and every layer learns to answer (4.1.2): the loss is Σ_l ẽ_l CE_l with e_l = s Σ_{i ≤ l} i for
l < L − 1, e_{L−1} = L − 1 + s Σ_{i ≤ L−2} i, each switched on in turn, and ẽ = e / Σ e.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_draft.options import LayerSkipOptions
from valle_draft.training import Level0, refuse_without_level0, rows_of, without_effect
from valle_kit.ahead import Positions
from valle_kit.drafting import decode_drafted


class LayerSkip(nn.Module):
    """See `valle_draft.contracts.Draft`. It has no weights: every early exit is read by the model's own head."""

    needed = False

    def __init__(self, options: LayerSkipOptions, n_layers: int) -> None:
        super().__init__()
        if n_layers < 2 or not options.exit < n_layers:
            raise UserError(
                f"layer-skip: exit must be in [0, {n_layers - 1}] for {n_layers} layers, got {options.exit}"
            )
        self.options = options
        self.exit = options.exit or max(1, n_layers // 3)

    def around(self, model: Any, batch: Any, targets: Any) -> Callable[..., Any]:
        """See `Draft.around`."""
        refuse_without_level0(model)
        if not self.training:
            return model.backbone

        def run(x: Float[Tensor, "B T D"], *given: Any, **more: Any) -> Any:
            found: list[Any] = []
            states: list[Tensor] = []
            rows, L = rows_of(batch).view(batch.positions.shape), model.backbone.n_layers
            for layer in range(L):
                out = model.backbone(x, *given, **more, layers=[layer])
                found.append(out)
                chance = skip_chance(layer, L, self.options.dropout)
                skipped = torch.rand(len(batch.mask.lengths), device=x.device) < chance
                x = torch.where(skipped[rows][..., None], x, out.h) if chance else out.h
                states.append(x)
            losses, figures = (_summed(found, what) for what in ("losses", "figures"))
            level0 = Level0(model, batch, targets)
            if len(level0.positions) and self.options.scale:
                losses["early_exit"] = self._loss(level0, states)
            return type(found[0])(h=x, losses=losses, figures=figures)

        return run

    def _loss(self, level0: Level0, states: list[Float[Tensor, "B T D"]]) -> Float[Tensor, ""]:
        """What makes CE of the last layer, which the run adds, the weighted sum over all."""
        L, every = len(states), self.options.every
        turn = int(torch.randint(every, ()))
        weights = exit_weights(L, self.options.scale)
        used = [layer for layer in range(L - 1) if layer % every == turn and weights[layer]]
        whole = sum(weights[layer] for layer in (*used, L - 1))
        last = self._answer(level0, states[-1])
        parts = [weights[layer] / whole * (self._answer(level0, states[layer]) - last) for layer in used]
        return level0.share * sum(parts, last.new_zeros(()))

    def _answer(self, level0: Level0, h: Float[Tensor, "B T D"]) -> Float[Tensor, ""]:
        states = level0.states(h)
        assert level0.targets is not None
        loss = F.cross_entropy(level0.logits(states), level0.targets)
        return loss + level0.advance(states, torch.arange(len(states), device=h.device))

    def notice(self, options: Any, searching: bool) -> str:
        """See `Draft.notice`."""
        return without_effect(options, searching)

    def decode(
        self, model: Any, walk: Any, parts: Any, batch: Any, backbone: Any, prompted: Any, *given: Any, **more: Any
    ) -> Any:
        """See `Draft.decode`."""
        drafts = self.options.count if parts.drafts < 0 else parts.drafts
        drafter = EarlyExit(backbone, prompted.condition, self.exit)
        changing = [] if walk is None else [walk]
        more["unchecked"] = parts.unchecked
        return decode_drafted(drafter, drafts, changing, backbone, prompted, *given, **more)


class EarlyExit(Positions):
    """See `valle_kit.drafting.Drafter`: the states of the first layers are kept, and gone on from in the check."""

    def __init__(self, backbone: Any, condition: Tensor | None, exit: int) -> None:
        super().__init__(backbone, condition)
        self._backbone, self._exit = backbone, exit
        self._kept: list[Float[Tensor, "R 1 D"]] = []

    def next(self, state: Float[Tensor, "R D"], x: Float[Tensor, "R 1 D"], cache: Any) -> Float[Tensor, "R D"]:
        """See `Drafter.next`."""
        self._kept.append(self(x, cache, 0, self._exit))
        return self._backbone.finish(self._kept[-1][:, 0])

    def check(self, x: Float[Tensor, "R T D"], cache: Any) -> Float[Tensor, "R T D"]:
        """See `Drafter.check`."""
        if not self._kept:
            return self(x, cache, 0, self.layers)
        kept = [*self._kept, self(x[:, len(self._kept) :], cache, 0, self._exit)]
        self._kept = []
        cache.rewind(cache.lengths - x.shape[1])
        return self(torch.cat(kept, 1), cache, self._exit, self.layers)

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Rows leave."""
        super().select(rows)
        self._kept = [one[rows] for one in self._kept]


def skip_chance(layer: int, layers: int, most: float) -> float:
    """How probably a row skips a layer: 0 for the first, `most` for the last."""
    return most * (math.exp(layer * math.log(2) / (layers - 1)) - 1)


def exit_weights(layers: int, scale: float) -> list[float]:
    """e_l of section 4.1.2, not normalised."""
    inner = [scale * sum(range(layer + 1)) for layer in range(layers - 1)]
    return [*inner, layers - 1 + scale * sum(range(layers - 1))]


def _summed(found: list[Any], what: str) -> dict[str, Any]:
    """Losses or figures of layers that were run one by one, each a mean over layers."""
    names = dict.fromkeys(name for one in found for name in getattr(one, what))
    return {name: sum(getattr(one, what).get(name, 0) for one in found) / len(found) for name in names}


def build(options: LayerSkipOptions, *, d_model: int, n_layers: int) -> LayerSkip:
    """Factory of the registry entry `layer-skip`."""
    return LayerSkip(options, n_layers)
