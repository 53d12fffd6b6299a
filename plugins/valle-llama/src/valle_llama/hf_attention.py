"""Our attention kernels inside Hugging Face's models, through the attention registry of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import SequenceMask


def register(name: str, kernel: AttentionKernel) -> None:
    """Make `attn_implementation=name` run `kernel` in any transformers model.

    The usual 2-D `attention_mask` (right-padded) becomes a causal `SequenceMask`. Rows of other kinds come in by
    passing `sequence_mask=SequenceMask(…)` to the model's forward, which goes before `attention_mask`.
    `generate` works with its dynamic cache; for static ones transformers wants the mask to be a tensor.

    Raises:
        UserError: while running, for a mask that no `SequenceMask` can say (left padding, packing by positions).
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    def attend(
        module: nn.Module,
        query: Float[Tensor, "B H Tq Dh"],
        key: Float[Tensor, "B Hk Tk Dh"],
        value: Float[Tensor, "B Hk Tk Dh"],
        attention_mask: SequenceMask | Tensor | None,
        *,
        scaling: float | None = None,
        sequence_mask: SequenceMask | None = None,
        **others: Any,
    ) -> tuple[Float[Tensor, "B Tq H Dh"], None]:
        mask = attention_mask if sequence_mask is None else sequence_mask
        if not isinstance(mask, SequenceMask):
            raise UserError(
                f"attention '{name}' reads structured masks, not {type(mask).__name__}: pass a right-padded 2-D "
                "attention_mask, or sequence_mask="
            )
        if others.get("dropout"):
            raise UserError(f"attention '{name}' has no dropout: set the model's attention_dropout to 0")
        return kernel(query, key, value, mask, scale=scaling).transpose(1, 2).contiguous(), None

    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, structured_mask)


def structured_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int | Tensor = 0,
    kv_offset: int = 0,
    mask_function: Callable | None = None,
    attention_mask: Bool[Tensor, "B K"] | None = None,
    device: torch.device | str = "cpu",
    **others: Any,
) -> SequenceMask:
    """What transformers knows about the rows of a batch, as a causal `SequenceMask` (called by transformers)."""
    from transformers.masking_utils import causal_mask_function

    if mask_function is not causal_mask_function or kv_offset:
        raise UserError(
            "valle's kernels take plain causal rows from transformers' own masks; for packed, windowed or "
            "bidirectional rows pass sequence_mask="
        )
    end = torch.as_tensor(q_offset, device=device) + q_length
    lengths = end.expand(batch_size)
    if attention_mask is not None:
        lengths = torch.minimum(attention_mask.long().sum(-1), lengths)
        if bool(
            (attention_mask[:, :kv_length].long().cumsum(-1)[torch.arange(batch_size), lengths - 1] < lengths).any()
        ):
            raise UserError("valle's kernels need right-padded rows: set the tokenizer's padding_side to 'right'")
    zeros = torch.zeros_like(lengths)
    return SequenceMask(lengths=lengths, prefix=zeros, query_start=zeros + end - q_length, form="causal")
