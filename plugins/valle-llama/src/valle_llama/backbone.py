"""The `llama` backbone: Hugging Face's LLaMA without its embedding, decoding in one compiled step where it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.interfaces import AttentionKernel
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.ahead import Ahead, through_layers
from valle_kit.attention_stack.rotary_layers import PreNormLayer, RotaryAttention, RotaryStack
from valle_kit.together import StepTogether, gathered, one_by_one
from valle_llama.cache import LlamaCache
from valle_llama.decoding import Decoding, StepPath, one_new_position
from valle_llama.feed_forward import FeedForward
from valle_llama.options import LlamaSizes

if TYPE_CHECKING:
    from valle_llama.fused_step import FusedStep


class LlamaBackbone(RotaryStack):
    """LLaMA layers and final norm; parameters are named as in `transformers.LlamaModel` minus `embed_tokens`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: LLaMA has no adaptive norm.
    """

    cache_type = LlamaCache
    sizes: LlamaSizes

    def __init__(
        self,
        sizes: LlamaSizes,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
        decode_step: StepPath = "auto",
    ):
        layers = (
            PreNormLayer(sizes, RotaryAttention(sizes, kernel), FeedForward(sizes), dropout)
            for _ in range(sizes.n_layers)
        )
        super().__init__("llama", sizes, kernel, layers, gradient_checkpointing=gradient_checkpointing)
        self._decoding = Decoding(decode_step, sizes)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: LlamaCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        if cache is not None and x.shape[1] == 1 and layers is None and not keep:
            fused = self._decoding.fused(self.layers, self.norm, x, cache)
            if fused is not None and one_new_position(mask, cache):
                return BackboneOutput(h=self._advance(fused, x, cache, positions[:, 0], finish=False))
        out = super().forward(x, mask, positions, cache=cache, layers=layers, keep=keep)
        if cache is not None:
            cache.fused = None  # made anew by the next step, from the modules as they then are
        return out

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

    def together(self) -> StepTogether:
        """See `valle_kit.together.StepsTogether`."""
        known: FusedStep | None = None

        def step(x: Float[Tensor, "B D"], caches: Sequence[LlamaCache]) -> Float[Tensor, "B D"]:
            nonlocal known
            known = self._decoding.together(self.layers, self.norm, x, caches, known)
            if known is None:
                return one_by_one(self, x, caches)
            for cache in caches:
                cache.grow()
            lengths = torch.cat([cache.lengths for cache in caches])
            h = known(x, gathered([cache.tables for cache in caches]), lengths)
            for cache in caches:
                cache.lengths = cache.lengths + 1
            return h

        return step

    def compiles(self) -> bool:
        """See `valle_kit.quantized.Compiles`."""
        return self._decoding.compiles(self.layers, self.norm)

    def ahead(self) -> Ahead:
        """See `valle_kit.ahead.GoesAhead`."""
        known: FusedStep | None = None
        otherwise = through_layers(self)

        def ahead(x: Float[Tensor, "B T D"], cache: LlamaCache, first: int, last: int) -> Float[Tensor, "B T D"]:
            nonlocal known
            B, T, _ = x.shape
            known = self._decoding.together(self.layers, self.norm, x.flatten(0, 1), [cache], known)
            if known is None or not known.in_order:
                return otherwise(x, cache, first, last)
            places = (cache.lengths[:, None] + torch.arange(T)).flatten()
            for _ in range(T):
                cache.grow()
            tables, finish = cache.tables.rows.repeat(T), last == self.n_layers
            h = known(x.flatten(0, 1), tables, places, finish=finish, layers=(first, last))
            cache.lengths = cache.lengths + T
            return h.unflatten(0, (B, T))

        return ahead

    def make_ready(self, say: Callable[[str], None]) -> None:
        """Compile what decoding needs, before it is timed."""
        self._decoding.make_ready(self.layers, self.norm, say)

    def _advance(
        self, fused: FusedStep, x: Tensor, cache: LlamaCache, positions: Tensor | None, *, finish: bool
    ) -> Tensor:
        cache.grow()
        h = fused(x[:, 0], cache.tables.rows, cache.lengths, positions, finish=finish)
        cache.lengths = cache.lengths + 1
        return h[:, None]
