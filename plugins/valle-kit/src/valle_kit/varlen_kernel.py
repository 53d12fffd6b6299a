"""An attention kernel over a library's function for rows laid end to end: what it refuses, and where it runs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs
from valle_kit.ragged_attention import Call, Ragged

TAKES = frozenset({"causal", "full", "mixed", "prefix", "packed", "window"})
HALVES = (torch.bfloat16, torch.float16)


class VarlenKernel:
    """Satisfies `valle_core.interfaces.AttentionKernel` for every mask without a tree."""

    def __init__(
        self,
        name: str,
        call: Call,
        *,
        devices: tuple[str, ...] = ("cuda",),
        dtypes: tuple[torch.dtype, ...] = HALVES,
        widest: int = 256,
    ) -> None:
        self.name, self.devices, self.dtypes, self.widest = name, devices, dtypes, widest
        self._ragged = Ragged(call)

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        check_inputs(self.name, q, k, v, mask, takes=TAKES, widest=self.widest)
        if q.device.type not in self.devices or q.dtype not in self.dtypes:
            raise UserError(self._refusal(q))
        return self._ragged(q, k, v, mask, float(q.shape[3] ** -0.5) if scale is None else scale)

    def _refusal(self, q: Tensor) -> str:
        dtypes = ", ".join(str(dtype).removeprefix("torch.") for dtype in self.dtypes)
        found = f"{q.device.type} with {str(q.dtype).removeprefix('torch.')}"
        where = " or ".join(self.devices)
        who = f"attention '{self.name}' cannot run here"
        return f"{who}: needs {where} with {dtypes}, found {found}. Try: --attention sdpa"
