"""What a kernel works out of a mask, kept while the same mask comes: every layer of a backbone brings the same one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import torch

from valle_core.types import PackedMask, SequenceMask

Made = TypeVar("Made")


class LastMask:
    """Remembers one thing made of the last mask; a mask whose tensors were written to is another mask."""

    def __init__(self) -> None:
        self._last: tuple[object, tuple[object, ...], object] | None = None

    def of(self, mask: SequenceMask | PackedMask, about: tuple[object, ...], make: Callable[[], Made]) -> Made:
        """What `make` gave for this mask and `about` (shapes, a device), or what it gives now."""
        tensors = (
            (mask.offsets, mask.prefix)
            if isinstance(mask, PackedMask)
            else (mask.lengths, mask.prefix, mask.query_start)
        )
        # Inference tensors carry no version, so nothing would show that they were written to since.
        if torch.compiler.is_compiling() or any(x.is_inference() for x in tensors):
            return make()
        stamp = (*about, torch.is_inference_mode_enabled(), *(x._version for x in tensors))
        last = self._last
        if last is None or last[0] is not mask or last[1] != stamp:
            last = self._last = (mask, stamp, make())
        return cast(Made, last[2])
