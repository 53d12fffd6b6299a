"""Sound ↔ bands: pre-emphasis, a DCT of each frame, companding. In float64, so that no batch size rounds otherwise."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

EMPHASIS = 0.9
"""y[n] = x[n] − 0.9 x[n−1] before coding, undone after it: the noise then follows the falling spectrum of speech."""
MU = 255.0
"""Companding as in telephony (ITU-T G.711)."""


class Transform:
    """Bands lie in about [−1, 1].

    Attributes:
        hop: samples per frame.
        basis: [K, hop] the lower rows of the orthonormal DCT-II.
        undo: [hop, hop] de-emphasis within a frame, row n for sample n.
        fade: [hop] what the last sample before a frame adds to its samples.
    """

    def __init__(self, hop: int, bands: int, device: torch.device) -> None:
        n = torch.arange(hop, dtype=torch.float64, device=device)
        basis = torch.cos(math.pi / hop * (n + 0.5) * n[:bands, None]) * (2 / hop) ** 0.5
        basis[0] *= 0.5**0.5
        self.hop = hop
        self.basis = basis
        self.undo = (EMPHASIS ** (n[:, None] - n)).tril()
        self.fade = EMPHASIS ** (n + 1)

    def bands(self, wav: Float[Tensor, "B N"]) -> Float[Tensor, "B F K"]:
        """Of whole frames (N a multiple of hop)."""
        before = torch.nn.functional.pad(wav[:, :-1], (1, 0))
        frames = (wav - EMPHASIS * before).unflatten(1, (-1, self.hop))
        bands = frames @ self.basis.T / self.hop**0.5
        return bands.sign() * torch.log1p(MU * bands.abs()) / math.log1p(MU)

    def sound(
        self, bands: Float[Tensor, "B F K"], last: Float[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B"]]:
        """The frames joined, not yet clipped, and the last sample, which the next frames need.

        `last` is the sample before the first frame, 0 at the start of a sound.
        """
        bands = bands.clamp(-1.0, 1.0)
        bands = bands.sign() * torch.expm1(bands.abs() * math.log1p(MU)) / MU
        frames = []
        for frame in (bands * self.hop**0.5 @ self.basis @ self.undo.T).unbind(1):
            frames.append(frame + last[:, None] * self.fade)
            last = frames[-1][:, -1]
        return torch.cat([bands.new_zeros(len(bands), 0), *frames], dim=1), last
