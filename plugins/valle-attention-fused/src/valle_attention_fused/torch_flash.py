"""`fused` behind `scaled_dot_product_attention`, for any model of torch. Nothing is registered until it is asked for.

    from torch.nn.attention import activate_flash_attention_impl
    from valle_attention_fused import torch_flash

    torch_flash.register()
    activate_flash_attention_impl(torch_flash.NAME)      # restore_flash_attention_impl() goes back

torch hands over what its flash back end would compute: causal or full attention of float16 and bfloat16 on CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from valle_attention_fused.operators import LOG2E, attend, gradients
from valle_core.plugin import UserError

NAME = "valle-fused"
"""Of the implementation, as `torch.nn.attention.list_flash_attention_impls` shows it."""


@dataclass
class Handle:
    """What torch keeps while the kernels are active; without the library its own are back."""

    library: Library | None

    def remove(self) -> None:
        """Give the operators back to torch."""
        self.library = None


def register() -> None:
    """Announce the kernels to torch under `NAME`. Raises `UserError` where torch has no such registry."""
    try:
        from torch.nn.attention import register_flash_attention_impl
    except ImportError as error:
        reason = f"torch {torch.__version__} has no register_flash_attention_impl"
        raise UserError(f"attention 'fused' cannot stand behind scaled_dot_product_attention: {reason}") from error
    register_flash_attention_impl(NAME, register_fn=activate)


def activate() -> Handle:
    """Take the place of torch's flash kernels on CUDA."""
    library = Library("aten", "IMPL", "CUDA")
    library.impl("_scaled_dot_product_flash_attention", forward, "CUDA")
    library.impl("_scaled_dot_product_flash_attention_backward", backward, "CUDA")
    return Handle(library)


def forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    return_debug_mask: bool = False,
    *,
    scale: float | None = None,
) -> tuple[Any, ...]:
    """`aten::_scaled_dot_product_flash_attention`."""
    if return_debug_mask:
        raise RuntimeError(f"{NAME}: return_debug_mask must be False")
    out, lse = attend(query, key, value, *_mask(query, key, dropout_p, is_causal, scale), 0.0)
    random = torch.zeros(2, dtype=torch.uint64, device=query.device)
    offset = torch.zeros((), dtype=torch.uint64, device=query.device)
    return out, lse / LOG2E, None, None, query.shape[2], key.shape[2], random, offset, query.new_empty(0)


def backward(
    grad_out: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    logsumexp: Tensor,
    cum_seq_q: Tensor | None,
    cum_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    dropout_p: float,
    is_causal: bool,
    philox_seed: Tensor,
    philox_offset: Tensor,
    *,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """`aten::_scaled_dot_product_flash_attention_backward`."""
    lse = logsumexp.contiguous() * LOG2E
    return gradients(grad_out, query, key, value, out, lse, *_mask(query, key, dropout_p, is_causal, scale), 0.0)


def _mask(q: Tensor, k: Tensor, dropout: float, causal: bool, scale: float | None) -> tuple[Any, ...]:
    """Lengths, prefix, start, blocks, window and scale: what `attend` takes beside the tensors."""
    B, Tq, Tk = q.shape[0], q.shape[2], k.shape[2]
    factor = q.shape[3] ** -0.5 if scale is None else scale
    if dropout:
        raise RuntimeError(f"{NAME}: dropout_p must be 0, got {dropout:g}")
    if causal and Tq != Tk:
        raise RuntimeError(f"{NAME}: is_causal takes as many keys as queries, got {Tk} and {Tq}")
    if factor <= 0.0:
        raise RuntimeError(f"{NAME}: scale must be above 0, got {factor:g}")
    lengths = torch.full((B,), Tk, dtype=torch.int32, device=q.device)
    # The last query stands on the last key, whatever their numbers: none of them lies past the length.
    start = torch.full((B,), Tk - Tq, dtype=torch.int32, device=q.device)
    return lengths, torch.zeros_like(lengths) if causal else lengths, start, None, 0, factor
