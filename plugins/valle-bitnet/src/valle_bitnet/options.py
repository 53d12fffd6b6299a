"""Options of the `bitnet` backbone, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from valle_kit.attention_stack.rotary_sizes import RotaryOptions, RotarySizes

Activation = Literal["relu2", "silu"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BitNetOptions(RotaryOptions):
    """Options of `--arch bitnet`.

    Attributes:
        activation: gate activation: "relu2" is relu(x)² (BitNet b1.58 2B4T), "silu" makes it SwiGLU (BitNet b1.58).
        weights: folder of a `BitNetModel` with unpacked weights (safetensors) to start from; it also gives the sizes.
    """

    activation: Activation = "relu2"
    weights: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BitNetSizes(RotarySizes):
    """See `RotarySizes`; the activation is that of `BitNetOptions`."""

    arch: ClassVar[str] = "bitnet"

    activation: Activation


def sizes_of(options: BitNetOptions) -> BitNetSizes:
    """The sizes the options ask for. Raises `UserError` for sizes no BitNet can have."""
    return BitNetSizes.of(options, activation=options.activation)
