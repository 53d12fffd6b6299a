"""The processes that train one run: a single one here; several are joined by the hook `train_processes`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from valle_core.assemble.device import choose_device
from valle_core.plugin import UserError
from valle_core.training.averaging import Average
from valle_core.training.options import TrainOptions

try:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
except ModuleNotFoundError as error:
    if error.name != "accelerate":
        raise
    raise UserError("training needs accelerate. Install it with: pip install accelerate") from error


class Processes:
    """This process alone; what joins several extends it.

    Attributes:
        accelerator: device, precision and scaling of the loss.
        rank: which process this is; the first writes, and tells the hooks.
        world: how many there are.
        keeps_all: whether each keeps all weights.
    """

    keeps_all = True

    def __init__(self, options: TrainOptions, **settings: Any) -> None:
        """Raises `UserError` for a precision the device does not have."""
        device = choose_device(options.device)
        if options.precision == "fp16" and device.type == "cpu":
            raise UserError("precision fp16 needs a GPU; use --precision bf16 or fp32 on the CPU")
        # Accelerate keeps device and precision per process; a second run in one process may want others.
        AcceleratorState._reset_state(reset_partial_state=True)
        precision = options.mixed_precision(device.type)
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # what is left in float32 goes through TF32
        if device.type == "cuda" and device.index is not None:
            torch.cuda.set_device(device)  # Accelerate knows of no number: it takes the current device
        self.accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=precision, **settings)
        self.rank, self.world = self.accelerator.process_index, self.accelerator.num_processes

    def exchange(self, said: Any) -> list[Any]:
        """What each process says now, by rank: plain JSON. All of them must ask."""
        return [said]

    def prepare(self, model: nn.Module, optimizer: Any, average: Average) -> tuple[Any, Any]:
        """The model and the optimizer to train with."""
        return self.accelerator.prepare(model, optimizer)

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a share in the loss of the step; they are averaged over the processes."""
        self.accelerator.backward(loss * self.world)

    def update(self, model: nn.Module, optimizer: Any, clip: float) -> tuple[Tensor, Tensor]:
        """Follow the gradients, no further than `clip` where it is not 0: their norm, and whether it was finite and the
        step therefore taken. Nothing is read from the device, unless the optimizer cannot skip a step there."""
        for weight in model.parameters():  # what no position reached follows its momentum, in one process as in several
            if weight.requires_grad and weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self.average_gradients(model)
        # clip_grad_norm_ unscales fp16 gradients first; an infinite bound only measures.
        norm = self.accelerator.clip_grad_norm_(model.parameters(), clip or float("inf"))
        norm = self.full_tensor(torch.as_tensor(norm))
        good, inner = torch.isfinite(norm), optimizer.optimizer
        if self.accelerator.scaler is not None:
            optimizer.step()  # torch skips overflowed steps, fused optimizers do so without a word
        elif getattr(inner, "_step_supports_amp_scaling", False):  # as torch calls it: fused AdamW and its like
            inner.grad_scale, inner.found_inf = None, (~good).float()
            optimizer.step()
            del inner.grad_scale, inner.found_inf
        elif good:
            optimizer.step()
        return norm, good

    def average_gradients(self, model: nn.Module) -> None:
        """Make the gradients of all processes their mean, unless the passes themselves do it."""

    def full_tensor(self, tensor: Tensor) -> Tensor:
        """A tensor that is split over the processes, put together."""
        return tensor

    def random(self) -> dict[str, Tensor]:
        """The random states of all processes, for a checkpoint."""
        states = {"cpu": torch.get_rng_state()}
        if self.accelerator.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.accelerator.device)
        return states

    def own_random(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Those of `random` that are this process's."""
        return states


def joined(found: list[Any], options: TrainOptions) -> Processes:
    """The processes that a hook joined, else this one alone.

    Raises:
        UserError: a launcher started several, and no hook joins them.
    """
    processes: Processes = found[0] if found else Processes(options)
    if processes.world > 1 and not found:
        raise UserError(f"{processes.world} processes cannot train one run without valle-training. Install it")
    return processes
