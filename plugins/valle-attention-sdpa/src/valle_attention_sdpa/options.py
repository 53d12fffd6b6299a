"""Options of the kernels: there are none to set, a kernel is chosen by its name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelOptions:
    """No options."""
