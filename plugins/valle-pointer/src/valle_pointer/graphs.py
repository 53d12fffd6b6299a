"""The pointer as modules of one row, to be exported (`valle_kit.pointer_graphs`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.sequence.alignment import SpokenText

if TYPE_CHECKING:
    from valle_pointer.pointer import Pointer


class TextGraph(nn.Module):
    """A text → all that saying it needs."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__()
        self.pointer = pointer

    def forward(
        self, symbols: Int[Tensor, "1 P"], language: Int[Tensor, "1"]
    ) -> tuple[Float[Tensor, "1 U D"], Float[Tensor, "n D"], Int[Tensor, "1 U"], Int[Tensor, "1"], Int[Tensor, "1"]]:
        """See `PointerGraphs.text`."""
        nothing = torch.zeros_like(language)
        text = SpokenText(
            symbols=symbols,
            lengths=nothing + symbols.shape[1],
            languages=language,
            levels=nothing,
            start=nothing,
            frames=nothing,
        )
        units = self.pointer.units(text)
        sounds = self.pointer.sounds(text, units)
        return sounds.units, sounds.dwell, self.pointer.limits(text, units), *self.pointer.ends(units)


class AdvanceGraph(nn.Module):
    """The state that answers a frame → log odds that the frame is the last of its unit."""

    def __init__(self, advance: nn.Module, bias: float) -> None:
        super().__init__()
        self.advance, self.bias = advance, bias

    def forward(self, h: Float[Tensor, "1 D"]) -> Float[Tensor, "1"]:
        """See `PointerGraphs.advance`."""
        return self.advance(h)[:, 0] + self.bias
