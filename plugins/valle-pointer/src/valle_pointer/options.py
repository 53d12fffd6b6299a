"""Options of the alignment `pointer` (standard library only, so that help panels are cheap)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from valle_core.plugin import UserError

LOOKAHEAD = 10
"""Most phonemes that the encoder may look ahead: speech can begin before a long text is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PointerOptions:
    """The phoneme encoder, the loss of the pointer and the bounds of a phoneme.

    Attributes:
        layers: number of convolutional layers of the phoneme encoder.
        kernel: kernel size of its convolutions in phonemes, an odd number; layers × (kernel − 1) / 2 phonemes of
            lookahead, at most 10.
        dropout: dropout of the phoneme encoder.
        dwell: maximum number of frames of the current phoneme that the backbone is given as a count.
        weight: loss weight of the stay-or-advance prediction, relative to the cross-entropy of the codes.
        advance_weight: class weight of advancing in that loss, in [0.01, 100]; decoding corrects for it.
        jitter: training noise: probability that a phoneme boundary is shifted by one frame.
        longest: maximum duration of a phoneme in frames.
        forced: maximum duration of a phoneme as a multiple of its mean; then the pointer advances.
    """

    layers: int = 3
    kernel: int = 7
    dropout: float = 0.1
    dwell: int = 15
    weight: float = 1.0
    advance_weight: float = 1.0
    jitter: float = 0.2
    longest: int = 30
    forced: float = 3.0

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise UserError(f"kernel must be an odd number of at least 1, got {self.kernel}")
        most = LOOKAHEAD // max(1, self.kernel // 2)
        if not 0 <= self.layers <= most:
            raise UserError(f"layers must be in [0, {most}] with kernel {self.kernel}, got {self.layers}")
        for name in ("dwell", "longest"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.weight < math.inf:
            raise UserError(f"weight must be at least 0, got {self.weight:g}")
        if not 0.01 <= self.advance_weight <= 100:
            raise UserError(f"advance_weight must be in [0.01, 100], got {self.advance_weight:g}")
        for name in ("dropout", "jitter"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be in [0, 1), got {getattr(self, name):g}")
        if not 1 <= self.forced < math.inf:
            raise UserError(f"forced must be at least 1, got {self.forced:g}")
