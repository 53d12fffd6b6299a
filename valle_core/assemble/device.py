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
        raise UserError(f"device '{name}' is unknown; use auto, cpu, cuda, cuda:N or mps") from None
    if device.type not in ("cpu", "cuda", "mps"):
        raise UserError(f"device '{name}' is not supported; use auto, cpu, cuda, cuda:N or mps")
    there = torch.cuda.device_count() if device.type == "cuda" else int(device.type == "cpu" or _mps())
    if not (device.index or 0) < there:
        found = f"{there} of its kind found" if there else "use --device cpu"
        raise UserError(f"device '{name}' is not there; {found}")
    return device


def _mps() -> bool:
    return torch.backends.mps.is_available()
