"""Options of the `llama` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from valle_kit.attention_stack.rotary_sizes import RotaryOptions, RotarySizes


@dataclass(frozen=True, kw_only=True, slots=True)
class LlamaOptions(RotaryOptions):
    """Options of `--arch llama`.

    Attributes:
        decode_step: how a cached step of one position runs on a CPU in float32: "fused" is one compiled function over
            the same weights (needs numba), "layers" the general path, "auto" the first where it can run.
        weights: folder written by `LlamaModel.save_pretrained` (safetensors) to start from; it also gives the sizes.
    """

    decode_step: Literal["auto", "fused", "layers"] = "auto"
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LlamaSizes(RotarySizes):
    """See `RotarySizes`."""

    arch: ClassVar[str] = "llama"
