"""From what the user wrote to a device that is there."""

from __future__ import annotations

import torch

from valle_core.plugin import UserError


def choose_device(name: str) -> torch.device:
    """`"auto"` is CUDA where there is one, else the CPU. Raises `UserError` for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"device '{name}' is unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device '{name}' is not there; use --device cpu")
    return device
