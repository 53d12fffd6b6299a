"""`sdpa` and its back ends: which of PyTorch's paths a structured mask needs."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from valle_attention_sdpa.arguments import ArgumentsOfMask, SdpaArguments, gather_groups
from valle_attention_sdpa.inputs import used_keys, used_queries, without_padding
from valle_attention_sdpa.options import KernelOptions
from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_inputs import check_inputs

HALVES = (torch.bfloat16, torch.float16)
ANY = (torch.float32, *HALVES)


def sdpa(options: KernelOptions) -> SdpaKernel:
    """Factory of `sdpa`: PyTorch chooses."""
    return SdpaKernel("sdpa", None, dtypes={})


def math(options: KernelOptions) -> SdpaKernel:
    """Factory of `math`."""
    return SdpaKernel("math", SDPBackend.MATH, dtypes={})


def mem_efficient(options: KernelOptions) -> SdpaKernel:
    """Factory of `mem_efficient`."""
    return SdpaKernel("mem_efficient", SDPBackend.EFFICIENT_ATTENTION, dtypes={"cuda": ANY}, grouped=False)


def flash(options: KernelOptions) -> SdpaKernel:
    """Factory of `flash`: on CUDA it takes no mask tensor, so ragged rows run in groups of equal length."""
    return SdpaKernel("flash", SDPBackend.FLASH_ATTENTION, dtypes={"cpu": ANY, "cuda": HALVES}, maskless=("cuda",))


def cudnn(options: KernelOptions) -> SdpaKernel:
    """Factory of `cudnn`."""
    return SdpaKernel("cudnn", SDPBackend.CUDNN_ATTENTION, dtypes={"cuda": HALVES})


class SdpaKernel:
    """Causal and full attention through `scaled_dot_product_attention`.

    Right-padded causal rows need no mask at all: no valid query looks as far as the padding, and what padded
    queries computed is cleared. Full rows and single decode steps need a key mask [B, 1, 1, Tk]. Only a chunk of
    several queries over a cache needs [B, 1, Tq, Tk], with a small Tq.
    """

    def __init__(
        self,
        name: str,
        backend: SDPBackend | None,
        *,
        dtypes: dict[str, tuple[torch.dtype, ...]],
        grouped: bool = True,
        maskless: tuple[str, ...] = (),
    ) -> None:
        """`dtypes` lists the devices it is tied to (empty: any); `grouped`: the back end takes Hk < H by itself;
        `maskless`: devices on which the back end takes no mask tensor."""
        self.name = name
        self.backend = backend
        self.dtypes = dtypes
        self.grouped = grouped
        self.maskless = maskless
        self._by_mask = ArgumentsOfMask()

    def __call__(
        self,
        q: Float[Tensor, "B H Tq Dh"],
        k: Float[Tensor, "B Hk Tk Dh"],
        v: Float[Tensor, "B Hk Tk Dh"],
        mask: SequenceMask | PackedMask,
        *,
        scale: float | None = None,
    ) -> Float[Tensor, "B H Tq Dh"]:
        """See `AttentionKernel`. Raises `UserError` for masks it does not declare and devices it does not run on."""
        if isinstance(mask, PackedMask) or mask.form == "mixed" or mask.window is not None or mask.tree is not None:
            raise UserError(f"attention '{self.name}' takes causal and full rows only. Try: --attention eager")
        check_inputs(self.name, q, k, v, mask)
        if self.dtypes and q.dtype not in self.dtypes.get(q.device.type, ()):
            raise UserError(self._refusal(q))
        if not q.numel() or not k.numel():  # flash refuses both in older PyTorch
            return q.masked_fill(torch.ones((), dtype=torch.bool, device=q.device), 0.0)
        if q.device.type in self.maskless:
            groups = self._by_mask.groups(mask, q.shape[2], k.shape[2])
            if groups is not None:
                return gather_groups(groups, q, k, v, partial(self._attend, scale=scale))
        arguments = self._by_mask.arguments(mask, q.shape[2], k.shape[2])
        if arguments.unused is None:
            return self._attend(q, k, v, arguments, scale=scale)
        learns = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
        looks = may_look(q.device) and not learns and not torch.compiler.is_compiling()
        if not looks:
            q, k, v = _cleared(q, k, v, mask)
        out = self._attend(q, k, v, arguments, scale=scale)
        out = out.masked_fill(arguments.unused, 0.0) if out.requires_grad else out.masked_fill_(arguments.unused, 0.0)
        if looks and not bool(out.isfinite().all()):  # seldom: cheaper than a copy of all keys at every step
            out = self._attend(*_cleared(q, k, v, mask), arguments, scale=scale).masked_fill_(arguments.unused, 0.0)
        return out

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, arguments: SdpaArguments, *, scale: float | None) -> Tensor:
        B, H, Tq, Dh = q.shape
        Hk = k.shape[1]
        if scale == 0.0:  # flash back ends multiply what they hide, −∞, by the scale
            q, scale = q * 0.0, 1.0
        if Hk != H and Tq == 1:  # one query per head: the heads of a group are queries of their key head
            return self._call(q.reshape(B, Hk, H // Hk, Dh), k, v, arguments, scale, gqa=False).reshape(B, H, 1, Dh)
        if Hk != H and not self.grouped:
            k, v = k.repeat_interleave(H // Hk, dim=1), v.repeat_interleave(H // Hk, dim=1)
        return self._call(q, k, v, arguments, scale, gqa=k.shape[1] != H)

    def _call(
        self, q: Tensor, k: Tensor, v: Tensor, arguments: SdpaArguments, scale: float | None, *, gqa: bool
    ) -> Tensor:
        with nullcontext() if self.backend is None else sdpa_kernel(self.backend):
            try:
                return scaled_dot_product_attention(
                    q, k, v, attn_mask=arguments.visible, is_causal=arguments.causal, scale=scale, enable_gqa=gqa
                )
            except RuntimeError as error:
                if "viable backend" not in str(error) and "available kernel" not in str(error):
                    raise
                if not gqa:
                    raise UserError(self._refusal(q)) from error
                groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        out = self._call(q, k, v, arguments, scale, gqa=False)
        self.grouped = False  # flash on a CPU, in older PyTorch
        return out

    def _refusal(self, q: Tensor) -> str:
        """One line: who, where, why, and what else to choose."""
        wants = "; ".join(
            f"{device} with {', '.join(str(dtype).removeprefix('torch.') for dtype in dtypes)}"
            for device, dtypes in self.dtypes.items()
        )
        found = f"{q.device.type} with {str(q.dtype).removeprefix('torch.')} and head width {q.shape[-1]}"
        needs = f"needs {wants}, found {found}" if wants else f"PyTorch has no such back end for {found}"
        return f"attention '{self.name}' cannot run here: {needs}. Try: --attention sdpa"


def _cleared(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros in the padding, where back ends multiply a weight of 0 by whatever lies there."""
    keys = used_keys(mask, q.shape[2], k.shape[2])
    return without_padding(q, used_queries(mask, q.shape[2])), without_padding(k, keys), without_padding(v, keys)


def may_look(device: torch.device) -> bool:
    """Whether values may be read: on a CPU they are there, a GPU would wait for everything before them."""
    return device.type == "cpu"
