"""The kernels: each hands a part of a mask to a library's function for rows laid end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_attention_flash.generations import choose
from valle_attention_flash.options import FlashOptions, NoOptions, TorchOptions
from valle_core.plugin import UserError
from valle_kit.ragged_attention import Part
from valle_kit.varlen_kernel import VarlenKernel


def flash_attn(options: FlashOptions) -> VarlenKernel:
    """Factory of `flash_attn`."""
    return _flash("flash_attn", options.generation)


def flash_attention_2(options: NoOptions) -> VarlenKernel:
    """Factory of `flash_attention_2`."""
    return _flash("flash_attention_2", "2")


def flash_attention_3(options: NoOptions) -> VarlenKernel:
    """Factory of `flash_attention_3`."""
    return _flash("flash_attention_3", "3")


def flash_attention_4(options: NoOptions) -> VarlenKernel:
    """Factory of `flash_attention_4`."""
    return _flash("flash_attention_4", "4")


def varlen(options: TorchOptions) -> VarlenKernel:
    """Factory of `varlen`. Raises `UserError` where FA3 or FA4 is wanted and cannot be activated."""
    if options.implementation != "torch":
        activate(options.implementation)
    return VarlenKernel("varlen", TorchVarlen())


def activate(implementation: str) -> None:
    """Let PyTorch's flash attention run on FA3 or FA4 from now on; `UserError` where it cannot."""
    try:
        from torch.nn.attention import activate_flash_attention_impl  # older PyTorch has none

        activate_flash_attention_impl(implementation)
    except (ImportError, RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"attention 'varlen' cannot activate {implementation}: {reason}. Try: --attention.implementation torch"
        ) from error


def _flash(name: str, generation: str) -> VarlenKernel:
    return VarlenKernel(name, FlashVarlen(generation))


class FlashVarlen:
    """`flash_attn_varlen_func` of a generation, which is found at the first call: only then is the GPU known."""

    def __init__(self, wanted: str, *, choose: Callable[..., tuple[Any, Any]] = choose) -> None:
        self._wanted, self._choose = wanted, choose
        self._chosen: tuple[Any, Any] | None = None

    def __call__(
        self,
        q: Float[Tensor, "Nq H Dh"],
        k: Float[Tensor, "Nk Hk Dh"],
        v: Float[Tensor, "Nk Hk Dh"],
        part: Part,
        scale: float,
    ) -> Float[Tensor, "Nq H Dh"]:
        if self._chosen is None:
            major = torch.cuda.get_device_capability(q.device)[0] if q.is_cuda else 0
            self._chosen = self._choose(self._wanted, major)
        generation, module = self._chosen
        if q.shape[-1] > generation.widest:
            raise UserError(
                f"attention: FlashAttention {generation.name} takes heads up to {generation.widest} wide, "
                f"got {q.shape[-1]}. Try: --attention sdpa"
            )
        window = {} if part.window is None else {"window_size": (part.window - 1, 0)}
        out = module.flash_attn_varlen_func(
            q,
            k,
            v,
            cu_seqlens_q=part.q_offsets,
            cu_seqlens_k=part.k_offsets,
            max_seqlen_q=max(part.q_lengths),
            max_seqlen_k=max(part.k_lengths),
            softmax_scale=scale,
            causal=part.causal,
            **window,
        )
        return out[0] if isinstance(out, tuple) else out  # generation 4 gives the log-sum-exp too


class TorchVarlen:
    """`torch.nn.attention.varlen.varlen_attn`."""

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._function: Callable[..., Any] | None = function

    def __call__(
        self,
        q: Float[Tensor, "Nq H Dh"],
        k: Float[Tensor, "Nk Hk Dh"],
        v: Float[Tensor, "Nk Hk Dh"],
        part: Part,
        scale: float,
    ) -> Float[Tensor, "Nq H Dh"]:
        if self._function is None:
            try:
                from torch.nn.attention.varlen import varlen_attn
            except ImportError as error:
                reason = f"PyTorch {torch.__version__} has no torch.nn.attention.varlen"
                raise UserError(f"attention 'varlen' cannot run here: {reason}. Try: --attention sdpa") from error
            self._function = varlen_attn
        function: Callable[..., Any] = self._function
        left = -1 if part.window is None else part.window - 1
        return function(
            q,
            k,
            v,
            part.q_offsets,
            part.k_offsets,
            max(part.q_lengths),
            max(part.k_lengths),
            scale=scale,
            window_size=(left, 0 if part.causal else -1),
            enable_gqa=q.shape[1] != k.shape[1],
        )
