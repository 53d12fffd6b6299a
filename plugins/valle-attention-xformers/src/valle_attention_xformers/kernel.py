"""The kernel `xformers`: a part of a mask becomes one of its block-diagonal biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_attention_xformers.options import XformersOptions
from valle_core.plugin import UserError
from valle_kit.ragged_attention import Part
from valle_kit.varlen_kernel import HALVES, VarlenKernel


@dataclass(frozen=True, slots=True)
class Library:
    """What is taken from xformers: `xformers.ops.memory_efficient_attention` and `BlockDiagonalMask`."""

    attend: Any
    blocks: Any


def load() -> Library:
    """Raises `UserError` where xformers is missing."""
    try:
        from xformers.ops import memory_efficient_attention  # pyright: ignore[reportMissingImports]
        from xformers.ops.fmha.attn_bias import BlockDiagonalMask  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            f"attention 'xformers' needs the package xformers. Install it with: pip install xformers ({error})"
        ) from error
    return Library(memory_efficient_attention, BlockDiagonalMask)


def build(options: XformersOptions) -> VarlenKernel:
    """Factory of `xformers`; the package is imported at the first call, behind the check of the device."""
    return VarlenKernel("xformers", XformersCall(), dtypes=(torch.float32, *HALVES))


class XformersCall:
    """One part through `memory_efficient_attention`; its biases are kept as long as the part is the same."""

    def __init__(self, library: Library | None = None) -> None:
        self._library = library
        self._last: dict[bool, tuple[Part, Any]] = {}

    def __call__(
        self,
        q: Float[Tensor, "Nq H Dh"],
        k: Float[Tensor, "Nk Hk Dh"],
        v: Float[Tensor, "Nk Hk Dh"],
        part: Part,
        scale: float,
    ) -> Float[Tensor, "Nq H Dh"]:
        library = self._library = self._library or load()
        group = q.shape[1] // k.shape[1]
        if group > 1:  # its own grouped heads have no backward pass
            k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        bias = self._bias(library, part, q.device)
        try:
            return library.attend(q[None], k[None], v[None], attn_bias=bias, scale=scale)[0]
        except NotImplementedError as error:  # no back end of it takes this device, dtype or width
            reason = str(error).strip().partition("\n")[0]
            raise UserError(f"attention 'xformers' cannot run here: {reason}. Try: --attention sdpa") from error

    def _bias(self, library: Library, part: Part, device: torch.device) -> Any:
        last = self._last.get(part.causal)
        if last is None or last[0] is not part:
            blocks = library.blocks.from_seqlens(list(part.q_lengths), list(part.k_lengths), device=device)
            if part.causal and part.window is not None:
                blocks = blocks.make_local_attention_from_bottomright(part.window)
            elif part.causal:
                blocks = blocks.make_causal_from_bottomright()
            last = self._last[part.causal] = (part, blocks)
        return last[1]
