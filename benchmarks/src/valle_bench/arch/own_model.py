"""Our backbone as one implementation of the comparison: driven the way synthesis drives it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.synthesis.autoregressive import Stepping
from valle_core.types import SequenceMask


class OwnModel:
    """A `ReferenceModel` over a backbone of ours; it is in training mode exactly while gradients are taken."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Causal rows without padding."""
        self._set_mode(training=torch.is_grad_enabled())
        B, T, _ = x.shape
        mask = _rows(torch.zeros(B, dtype=torch.long, device=x.device), T)
        positions = torch.arange(T, device=x.device).expand(B, T)
        return self.backbone.finish(self.backbone(x, mask, positions).h)

    def parameters(self) -> Iterable[nn.Parameter]:
        """All of the backbone."""
        assert isinstance(self.backbone, nn.Module)
        return self.backbone.parameters()

    def decoder(self, batch: int, max_length: int) -> OwnDecoder:
        """A fresh cache."""
        self._set_mode(training=False)
        return OwnDecoder(self.backbone, batch, max_length)

    def _set_mode(self, *, training: bool) -> None:
        assert isinstance(self.backbone, nn.Module)
        if self.backbone.training != training:  # setting it walks through all modules
            self.backbone.train(training)


class OwnDecoder:
    """Reads chunks by the general forward, single positions by the backbone's own step where it has one."""

    def __init__(self, backbone: Backbone, batch: int, max_length: int) -> None:
        assert isinstance(backbone, nn.Module)
        weight = next(backbone.parameters())
        self.backbone = backbone
        self.cache = backbone.new_cache(batch, max_length, weight.dtype, weight.device)
        self.read = torch.zeros(batch, dtype=torch.long, device=weight.device)

    @property
    def nbytes(self) -> int:
        """Of the cache."""
        return self.cache.nbytes

    def feed(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The next positions."""
        start, T = self.read, x.shape[1]
        self.read = start + T
        if T == 1 and isinstance(self.backbone, Stepping):
            return self.backbone.step(x, self.cache)[:, None]
        positions = start[:, None] + torch.arange(T, device=x.device)
        out = self.backbone(x, _rows(start, T), positions, cache=self.cache)
        return self.backbone.finish(out.h)


def _rows(start: Tensor, T: int) -> SequenceMask:
    return SequenceMask(
        lengths=start + T, prefix=torch.zeros_like(start), query_start=start, form="causal", padded=False
    )
