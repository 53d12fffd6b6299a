"""A backbone of a few lines that keeps the whole contract, for tests of everything around backbones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask


class FakeCache:
    """Running sums of what each row has read."""

    def __init__(self, batch: int, d_model: int, n_layers: int, dtype: torch.dtype, device: torch.device) -> None:
        self.lengths = torch.zeros(batch, dtype=torch.long, device=device)
        self.sums = torch.zeros(n_layers, batch, d_model, dtype=dtype, device=device)

    @property
    def nbytes(self) -> int:
        """Bytes of the sums; constant in the length."""
        return self.sums.numel() * self.sums.element_size()

    def select(self, rows: Int[Tensor, "R"]) -> None:
        """Reorder or narrow."""
        self.lengths, self.sums = self.lengths[rows], self.sums[:, rows]

    def rewind(self, lengths: Int[Tensor, "B"]) -> None:
        """Sums cannot be taken back, except to nothing."""
        if int(lengths.max()):
            raise UserError("the fake backbone keeps no history to rewind to; decode without drafts")
        self.sums.zero_()
        self.lengths = lengths.clone()


class FakeBackbone(nn.Module):
    """Each layer adds tanh(A x + B · mean of the visible states); layer 0 first adds a sine of the position."""

    max_length = None
    mask_forms = frozenset({"causal", "full", "mixed"})

    def __init__(self, d_model: int = 16, n_layers: int = 2) -> None:
        super().__init__()
        self.d_model, self.n_layers = d_model, n_layers
        self.own = nn.ModuleList(nn.Linear(d_model, d_model) for _ in range(n_layers))
        self.seen = nn.ModuleList(nn.Linear(d_model, d_model, bias=False) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: FakeCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """See `Backbone`."""
        if isinstance(mask, PackedMask):
            raise UserError("the fake backbone takes no packed rows; pad them")
        T, D = x.shape[1:]
        chosen = range(self.n_layers) if layers is None else layers
        index = mask.query_start[:, None] + torch.arange(T, device=x.device)  # [B, T]
        valid = (index < mask.lengths[:, None])[..., None]
        h = x = x.masked_fill(~valid, 0.0)  # NaN in the padding would come back through the gradients
        if 0 in chosen:
            waves = positions[..., None] / 10 ** (torch.arange(D, device=x.device) * 3 / D)
            h = x + 0.5 * torch.sin(waves).to(x.dtype)
        full = ((mask.prefix == mask.lengths) & (mask.query_start == 0))[:, None, None]
        kept = {}
        for layer in chosen:
            masked = h.masked_fill(~valid, 0.0)
            sums = masked.cumsum(1)
            if cache is not None:
                sums = sums + cache.sums[layer][:, None]
                cache.sums[layer] += masked.sum(1)
            causal = sums / (index[..., None] + 1)
            everything = masked.sum(1, keepdim=True) / mask.lengths.clamp(min=1)[:, None, None]
            seen = torch.where(full, everything, causal)
            h = (h + torch.tanh(self.own[layer](h) + self.seen[layer](seen))).masked_fill(~valid, 0.0)
            if layer in keep:
                kept[layer] = h
        if cache is not None:
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=h, kept=kept)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """Layer norm."""
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> FakeCache:
        """Empty sums."""
        return FakeCache(batch, self.d_model, self.n_layers, dtype, device)
