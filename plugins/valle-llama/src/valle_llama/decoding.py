"""Which way a decoding step goes: through the layers, or through one compiled function over the same weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.attention_stack.rotary_layers import PreNormLayer, RotaryAttention
from valle_kit.int8_linear import Int8Linear
from valle_kit.onednn import OneDnnLinear
from valle_llama.cache import LlamaCache
from valle_llama.feed_forward import FeedForward
from valle_llama.options import LlamaSizes

if TYPE_CHECKING:
    from valle_llama.fused_step import FusedStep

StepPath = Literal["auto", "fused", "layers"]

TOGETHER = 64
"""Rows with caches of their own that are computed at a time."""


class Decoding:
    """Finds out whether a step may be fused and keeps the fused step with the cache it was made for.

    Fused steps are for inference in float32 on the CPU, one position per row, plain linear layers. Whatever else
    comes (training, hooks, rewritten layers, autocast, torch.compile, other dtypes) goes through the layers.
    """

    def __init__(self, path: StepPath, sizes: LlamaSizes):
        self._sizes = sizes
        if path == "fused" and find_spec("numba") is None:
            raise UserError(
                "arch 'llama': decode_step = 'fused' needs numba. Install it with: pip install numba, "
                "or leave decode_step at 'auto'"
            )
        self._enabled = path != "layers" and find_spec("numba") is not None

    def fused(
        self, layers: nn.ModuleList, norm: nn.Module, x: Float[Tensor, "B 1 D"], cache: LlamaCache
    ) -> FusedStep | None:
        """The compiled step for `cache`, or None where the layers must do it."""
        if not self._enabled or not _plain_inference(x, cache):
            return None
        if cache.fused is None or not cache.fused.fits():
            cache.fused = self._make(layers, norm, cache.keys.shape[1], cache.capacity)
        return cache.fused

    def together(
        self,
        layers: nn.ModuleList,
        norm: nn.Module,
        x: Float[Tensor, "B D"],
        caches: Sequence[LlamaCache],
        known: FusedStep | None,
    ) -> FusedStep | None:
        """The compiled step for caches of one row each: the one known, a larger one, or None as for `fused`."""
        if not self._enabled or not all(_plain_inference(x, cache) for cache in caches):
            return None
        capacity = max(cache.capacity for cache in caches)
        if known is None or known.capacity < capacity or not known.fits():
            return self._make(layers, norm, TOGETHER, max(512, 1 << (capacity - 1).bit_length()))
        return known

    def compiles(self, layers: nn.ModuleList, norm: nn.Module) -> bool:
        """Whether steps of inference are fused."""
        return self._enabled and _unmodified(layers, norm)

    def make_ready(self, layers: nn.ModuleList, norm: nn.Module, say: Callable[[str], None]) -> None:
        """Compile the fused step now, where it will be used; `say` is told where that takes its seconds."""
        if not self.compiles(layers, norm):
            return
        try:
            from valle_kit.stepping import kernel
        except ImportError:  # told at the first step
            return
        if not kernel.is_kept():
            say("arch 'llama' compiles its decoding step, once on this machine: some seconds")
        kernel.compiled()

    def _make(self, layers: nn.ModuleList, norm: nn.Module, rows: int, capacity: int) -> FusedStep | None:
        if not _unmodified(layers, norm):
            return None
        try:
            from valle_llama.fused_step import FusedStep

            return FusedStep(layers, norm, self._sizes, rows, capacity)
        except ImportError as error:  # numba refuses a numpy it does not know
            warnings.warn(f"arch 'llama' decodes without the fused step: {error}", stacklevel=2)
            self._enabled = False
            return None


def one_new_position(mask: SequenceMask | PackedMask, cache: LlamaCache) -> bool:
    """Whether every row appends exactly one position that sees all before it."""
    return (
        isinstance(mask, SequenceMask)
        and mask.window is None
        and mask.tree is None
        and torch.equal(mask.query_start, cache.lengths)
        and torch.equal(mask.lengths, cache.lengths + 1)
    )


def _plain_inference(x: Tensor, cache: LlamaCache) -> bool:
    return (
        x.dtype == cache.keys.dtype == torch.float32
        and x.device.type == cache.keys.device.type == "cpu"
        and len(x) >= 1
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _unmodified(layers: nn.ModuleList, norm: nn.Module) -> bool:
    """Whether the modules are those this package made: no rewrite, no hook, no dropout at work, float32 on the CPU."""
    plain = {PreNormLayer, RotaryAttention, FeedForward, nn.Linear, OneDnnLinear, Int8Linear, nn.RMSNorm, nn.Dropout}
    for top in (*layers, norm):
        if top.training and any(isinstance(part, nn.Dropout) and part.p > 0 for part in top.modules()):
            return False
        for part in top.modules():
            if type(part) not in plain or part._forward_hooks or part._forward_pre_hooks:
                return False
            if getattr(part, "bias", None) is not None:
                return False
        for weight in top.parameters():
            if weight.dtype != torch.float32 or weight.device.type != "cpu" or not weight.is_contiguous():
                return False
    return True
