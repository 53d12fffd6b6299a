"""Averaged weights (Polyak's, or an optimizer's own): what a run is spoken with, beside those that it goes on from."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from valle_core.plugin import UserError


class Average:
    """Follows a model's weights; buffers are the model's own.

    `decay` of the average is kept at each step; where that is 0, the average is the model. An optimizer with modes
    (schedule-free ones have them) averages by itself: its eval mode puts the average into the model.

    Attributes:
        averaged: its module is the average, or None.
    """

    def __init__(self, model: nn.Module, decay: float, optimizer: Any = None) -> None:
        def follow(average: Any, current: Any, steps: Any) -> None:
            # Less is kept at first, so that a short run is not made of the weights it began with.
            kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
            get_ema_multi_avg_fn(kept)(average, current, steps)

        self._model = model
        self._modes: Any = optimizer if hasattr(optimizer, "eval") else None
        if self._modes and decay:
            raise UserError("this optimizer averages the weights by itself; leave --average out")
        self.averaged = AveragedModel(model, multi_avg_fn=follow) if decay else None

    def update(self) -> None:
        """Take the weights after a step."""
        if self.averaged:
            self.averaged.update_parameters(self._model)

    def restore(self, weights: dict[str, Tensor], step: int) -> None:
        """Go on from the average saved at a step."""
        if self.averaged is not None:
            self.averaged.module.load_state_dict(weights)
            self.averaged.n_averaged.fill_(step)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """File stem → tensors of a checkpoint: the average is the model, what is trained on lies in `current`."""
        if self._modes:
            current = {name: value.clone() for name, value in self._model.state_dict().items()}
            self._modes.eval()
            average = {name: value.clone() for name, value in self._model.state_dict().items()}
            self._modes.train()
            self._model.load_state_dict(current)  # there and back again rounds
            return {"model": average, "current": current}
        if self.averaged is None:
            return {"model": self._model.state_dict()}
        return {"model": self.averaged.module.state_dict(), "current": self._model.state_dict()}
