"""Optimizers that leave a step out when they are told to, without asking the device whether."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def told(optimizer: Optimizer) -> Any:
    """The optimizer, in place: like torch's fused ones it looks at `found_inf` while it has one.

    Where reading a number makes the host wait, the step is taken either way, and undone on the device where it was not
    to be. Numbers that an optimizer keeps on the host (steps, sums of weights) count such a step; its tensors do not.
    The first step of all reads: nobody but the optimizer knows where its state begins.
    """
    own: Any = type(optimizer)

    class Told(own):
        _step_supports_amp_scaling = True
        free = frozenset({"cpu"})
        """Devices from which reading a number costs nothing."""

        def step(self, closure: Any = None) -> None:
            found: Tensor | None = getattr(self, "found_inf", None)
            if found is None:
                super().step()
            elif found.device.type in self.free or not _laid_out(self):
                if not found:
                    super().step()
            else:
                kept = [(one, one.clone()) for one in _tensors(self, found.device)]
                super().step()
                for tensor, before in kept:
                    tensor.copy_(torch.where(found.bool(), before, tensor))

    Told.__name__, Told.__qualname__, Told.__module__ = own.__name__, own.__qualname__, own.__module__
    optimizer.__class__ = Told
    return optimizer


def _weights(optimizer: Optimizer) -> Iterator[Tensor]:
    yield from (weight for group in optimizer.param_groups for weight in group["params"] if weight.grad is not None)


def _laid_out(optimizer: Optimizer) -> bool:
    return all(optimizer.state.get(weight) for weight in _weights(optimizer))


def _tensors(optimizer: Optimizer, device: torch.device) -> Iterator[Tensor]:
    """Weights and their state on the device; of what is split over processes, this one's part."""
    for weight in _weights(optimizer):
        for one in (weight.detach(), *optimizer.state[weight].values()):
            if isinstance(one, Tensor) and one.device == device:
                yield one.to_local() if hasattr(one, "to_local") else one  # pyright: ignore[reportAttributeAccessIssue]
