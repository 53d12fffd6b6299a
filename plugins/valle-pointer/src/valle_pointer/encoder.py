"""The phoneme encoder: what each unit of a text sounds like among its neighbours."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from valle_pointer.units import Units


class PhonemeEncoder(nn.Module):
    """Symbols of a unit summed, the language added, and residual convolutions over units (as in ConvNeXt, 2201.03545).

    Padding changes no row: it is zero before every convolution.

    Args:
        symbols: size of the symbol map; two rows more stand for the silences before and behind.
        languages: number of language tags.
        width: of all that is computed.
        layers, kernel, dropout: see `PointerOptions`.
    """

    def __init__(
        self, symbols: int, languages: int, width: int, *, layers: int, kernel: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.symbols = symbols
        self.table = nn.Parameter(torch.randn(symbols + 2, width))
        self.language = nn.Parameter(torch.randn(languages, width) * 0.1)
        for table in (self.table, self.language):
            table._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]
        self.layers = nn.ModuleList(_Layer(width, kernel, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, symbols: Int[Tensor, "B P"], units: Units, languages: Int[Tensor, "B"]) -> Float[Tensor, "B U D"]:
        """U is P + 2; units past N + 1 are zeros."""
        B, P = symbols.shape
        number = torch.arange(P + 2, device=symbols.device)
        valid = number <= units.counts[:, None] + 1  # [B, U]
        sounding = units.of <= units.counts[:, None]
        x = self.table.new_zeros(B, P + 2, self.table.shape[1])
        # One row of the table for each symbol, none for padding; then the two silences.
        index = torch.cat([units.of, torch.zeros_like(units.counts)[:, None], units.counts[:, None] + 1], 1)
        rows = torch.cat([symbols, symbols.new_tensor([[self.symbols, self.symbols + 1]]).expand(B, 2)], 1)
        kept = torch.cat([sounding, sounding.new_ones(B, 2)], 1)[..., None]
        x = x.scatter_add(1, index[..., None].expand(-1, -1, x.shape[2]), self.table[rows] * kept)
        x = (x + self.language[languages][:, None]) * valid[..., None]
        for layer in self.layers:
            x = layer(x, valid)
        return self.norm(x) * valid[..., None]


class _Layer(nn.Module):
    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.near = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B U D"], valid: Bool[Tensor, "B U"]) -> Float[Tensor, "B U D"]:
        near = self.near((self.norm(x) * valid[..., None]).transpose(1, 2)).transpose(1, 2)
        return (x + self.dropout(self.narrow(nn.functional.gelu(self.wide(near))))) * valid[..., None]
