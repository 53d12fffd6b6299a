"""Options of the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Generation = Literal["newest", "2", "3", "4"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NoOptions:
    """No options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FlashOptions:
    """Options of `--attention flash_attn`.

    Attributes:
        generation: which FlashAttention; "newest" takes the highest one that is installed and runs on this GPU.
    """

    generation: Generation = "newest"


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchOptions:
    """Options of `--attention varlen`.

    Attributes:
        implementation: what PyTorch runs it with: its own FlashAttention 2, or FA3 or FA4 where their packages are
            installed. It holds for the whole process, PyTorch's `sdpa` included.
    """

    implementation: Literal["torch", "FA3", "FA4"] = "torch"
