"""Options of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class FlexOptions:
    """Options of `--attention flex`.

    Attributes:
        compile: compile it, which takes 20 to 40 seconds for the first mask; without, it needs memory for all scores.
        backend: what PyTorch runs it with; "flash" is FlashAttention 4 (package flash-attn-4).
    """

    compile: bool = True
    backend: Literal["auto", "triton", "flash"] = "auto"
