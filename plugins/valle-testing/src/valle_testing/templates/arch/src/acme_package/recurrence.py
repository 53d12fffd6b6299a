"""The recurrence h_t = (1 − z_t) h_{t−1} + z_t v_t (minGRU, arXiv 2410.01201, section 3.1), all positions at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


@dataclass(frozen=True, kw_only=True, slots=True)
class RowMasks:
    """What a mask means for a scan; made once for all layers. Each is broadcastable to [B, T, 1].

    Attributes:
        padding: positions that leave the state as it is, or None.
        first: positions before which the state is forgotten (starts of packed segments), or None.
        last: positions behind which the backward state is forgotten, or None.
        full: positions that also see what comes after them, or None where there are none.
    """

    padding: Bool[Tensor, "B T 1"] | None = None
    first: Bool[Tensor, "1 N 1"] | None = None
    last: Bool[Tensor, "1 N 1"] | None = None
    full: Bool[Tensor, "B T 1"] | None = None


def row_masks(mask: SequenceMask | PackedMask, T: int) -> RowMasks:
    """Raises `UserError` for what the spec does not declare: windows, draft trees, prefixes of part of a row."""
    if isinstance(mask, PackedMask):
        sizes = mask.offsets.diff()
        full = _full(mask.prefix, sizes)
        place = torch.arange(T, device=sizes.device)
        segment = torch.searchsorted(mask.offsets, place, right=True) - 1
        start, end = mask.offsets[segment], mask.offsets[segment + 1]
        first, last = ((place == edge)[None, :, None] for edge in (start, end - 1))
        return RowMasks(first=first, last=last, full=full[segment][None, :, None])
    if mask.window is not None or mask.tree is not None:
        raise UserError("arch 'acme-name' takes neither windows nor draft trees. Try: --arch llama")
    padding = None
    if mask.padded:
        place = mask.query_start[:, None] + torch.arange(T, device=mask.lengths.device)
        padding = (place >= mask.lengths[:, None])[..., None]
    if mask.form == "causal":
        return RowMasks(padding=padding)
    full = torch.ones_like(mask.lengths, dtype=torch.bool)
    if mask.form == "mixed":
        full = _full(mask.prefix, mask.lengths)
    return RowMasks(padding=padding, full=full[:, None, None])


def _full(prefix: Tensor, lengths: Tensor) -> Tensor:
    full = prefix >= lengths
    if not torch.compiler.is_compiling() and bool((~full & (prefix > 0)).any()):
        raise UserError("arch 'acme-name' takes causal and full rows, no prefix of part of a row. Try: --arch llama")
    return full


def scan(keep: Float[Tensor, "B T D"], new: Float[Tensor, "B T D"]) -> tuple[Tensor, Tensor]:
    """All states of h_t = keep_t · h_{t−1} + new_t from h = 0, and the products keep_0 … keep_t.

    Steps compose: (a, b) then (a′, b′) is (a′ a, a′ b + b′). So each position takes in the result that ends 1, 2, 4, …
    positions before it, and log₂ T rounds are enough (Hillis and Steele 1986).
    """
    reach = 1
    while reach < keep.shape[1]:
        earlier_new = functional.pad(new[:, :-reach], (0, 0, reach, 0))
        earlier_keep = functional.pad(keep[:, :-reach], (0, 0, reach, 0), value=1.0)
        new = new + keep * earlier_new
        keep = keep * earlier_keep
        reach *= 2
    return new, keep


class Recurrence(nn.Module):
    """One recurrent sublayer. States are float32 whatever the inputs are: many small steps add up."""

    def __init__(self, d_model: int, longest_memory: float) -> None:
        super().__init__()
        self.inputs = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        with torch.no_grad():  # memories from 2 positions to the longest, evenly on a log scale
            memory = torch.exp(torch.linspace(math.log(2.0), math.log(longest_memory), d_model))
            self.inputs.bias[d_model : 2 * d_model] = torch.logit(1 / memory)

    def forward(
        self, x: Float[Tensor, "B T D"], masks: RowMasks, state: Float[Tensor, "B D"] | None
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B D"]]:
        """The sublayer's output, and the state after each row's last position."""
        value, update, gate = self.inputs(x).chunk(3, dim=-1)
        z = update.float().sigmoid()
        if masks.padding is not None:
            z = z.masked_fill(masks.padding, 0.0)
        new = z * value.float()
        h, reached = scan(_forget(1 - z, masks.first), new)
        if state is not None:
            h = h + reached * state.float()[:, None]
        end = h[:, -1]
        if masks.full is not None:
            backward, _ = scan(_forget(1 - z, masks.last).flip(1), new.flip(1))
            h = torch.where(masks.full, h + backward.flip(1) - new, h)  # both directions hold the own position
        return self.out(h.to(x.dtype) * functional.silu(gate)), end


def _forget(keep: Tensor, where: Tensor | None) -> Tensor:
    return keep if where is None else keep.masked_fill(where, 0.0)
