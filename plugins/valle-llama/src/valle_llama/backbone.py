"""The `llama` backbone: Hugging Face's LLaMA without its embedding, over the core's mask and cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_llama.cache import LlamaCache
from valle_llama.decoding import Decoding, StepPath, one_new_position
from valle_llama.layers import Layer, rotary_frequencies, rotation
from valle_llama.options import LlamaOptions, LlamaSizes

if TYPE_CHECKING:
    from valle_llama.fused_step import FusedStep

OWED = frozenset({"causal", "full", "mixed", "packed"})

INITIAL_STD = 0.02
"""Standard deviation of fresh matrices, Hugging Face's `initializer_range`."""


class LlamaBackbone(nn.Module):
    """LLaMA layers and final norm; parameters are named as in `transformers.LlamaModel` minus `embed_tokens`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: LLaMA has no adaptive norm.
    Mask forms beyond causal, full, mixed and packed are those that the attention kernel declares.
    """

    portable: LlamaOptions | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(
        self,
        sizes: LlamaSizes,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
        decode_step: StepPath = "auto",
    ):
        super().__init__()
        self.sizes = sizes
        self._decoding = Decoding(decode_step, sizes)
        self.d_model = sizes.d_model
        self.n_layers = sizes.n_layers
        self.max_length = sizes.max_length
        declared = getattr(kernel, "capabilities", frozenset())
        self.mask_forms = OWED | (declared & {"prefix", "window", "tree"})
        self.gradient_checkpointing = gradient_checkpointing
        self.layers = nn.ModuleList(Layer(sizes, kernel, dropout) for _ in range(sizes.n_layers))
        self.norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=INITIAL_STD)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "B C"] | None = None,
        cache: LlamaCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        T = x.shape[1]
        if cache is not None and T == 1 and layers is None and not keep:
            fused = self._decoding.fused(self.layers, self.norm, x, cache)
            if fused is not None and one_new_position(mask, cache):
                return BackboneOutput(h=self._advance(fused, x, cache, positions[:, 0], finish=False))
        slots = self._open(cache, mask, T)
        self._check_length(T if cache is None else cache.longest)
        if isinstance(mask, SequenceMask) and mask.padded:
            x = x.masked_fill(_padding(mask, T)[..., None], 0.0)
        by = rotation(positions, rotary_frequencies(self.sizes, x.device), x.dtype)
        kept: dict[int, Tensor] = {}
        for index in range(self.n_layers) if layers is None else layers:
            layer = self.layers[index]
            if cache is not None and slots is not None:
                x = layer(x, mask, by, partial(cache.append, index, slots))
            elif self.gradient_checkpointing and self.training and torch.is_grad_enabled():
                x = checkpoint(layer, x, mask, by, use_reentrant=False)
            else:
                x = layer(x, mask, by)
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
            cache.fused = None  # made anew by the next step, from the modules as they then are
        return BackboneOutput(h=x, kept=kept)

    def step(self, x: Float[Tensor, "B 1 D"], cache: LlamaCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state: forward, then finish, in one go.

        Rotary positions are the rows' lengths.
        """
        fused = self._decoding.fused(self.layers, self.norm, x, cache)
        if fused is not None:
            return self._advance(fused, x, cache, None, finish=True)[:, 0]
        start = cache.lengths
        mask = SequenceMask(  # a row alone fills all keys
            lengths=start + 1, prefix=torch.zeros_like(start), query_start=start, form="causal", padded=len(start) > 1
        )
        return self.finish(self(x, mask, start[:, None], cache=cache).h[:, 0])

    def make_ready(self, say: Callable[[str], None]) -> None:
        """Compile what decoding needs, before it is timed."""
        self._decoding.make_ready(self.layers, self.norm, say)

    def _advance(
        self, fused: FusedStep, x: Tensor, cache: LlamaCache, positions: Tensor | None, *, finish: bool
    ) -> Tensor:
        cache.grow()
        self._check_length(cache.longest)
        h = fused(x, cache, positions, finish=finish)
        cache.lengths = cache.lengths + 1
        return h

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> LlamaCache:
        self._check_length(max_length)
        return LlamaCache(self.n_layers, batch, self.sizes.n_kv_heads, self.sizes.head_dim, max_length, dtype, device)

    def _open(self, cache: LlamaCache | None, mask: SequenceMask | PackedMask, new: int) -> Tensor | slice | None:
        if cache is None:
            return None
        if isinstance(mask, PackedMask):
            raise UserError("arch 'llama' decodes rows, not packed segments: give a cache only with a SequenceMask")
        return cache.open(mask, new)

    def _check_length(self, length: int) -> None:
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch 'llama' was built for at most {self.max_length} positions and got {length}; "
                "shorten the input or raise max_length"
            )


def _padding(mask: SequenceMask, T: int) -> Tensor:
    """[B, T] True where a query lies at or past its row's length."""
    return mask.query_start[:, None] + torch.arange(T, device=mask.lengths.device) >= mask.lengths[:, None]
