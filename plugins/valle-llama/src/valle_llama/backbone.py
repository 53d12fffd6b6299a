"""The `llama` backbone: Hugging Face's LLaMA without its embedding, decoding in one compiled step where it can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.ahead import Ahead, through_layers
from valle_kit.attention_stack.rotary_layers import PreNormLayer, RotaryAttention, RotaryStack
from valle_kit.compiled_steps import CompiledSteps
from valle_kit.key_value_cache import SteppedKeyValueCache
from valle_llama.feed_forward import FeedForward
from valle_llama.options import LlamaSizes

if TYPE_CHECKING:
    from valle_kit.stepping.step import CompiledStep


class LlamaBackbone(CompiledSteps, RotaryStack):
    """LLaMA layers and final norm; parameters are named as in `transformers.LlamaModel` minus `embed_tokens`.

    Satisfies `valle_core.interfaces.Backbone`. `condition` is ignored: LLaMA has no adaptive norm.
    """

    cache_type = SteppedKeyValueCache
    plain = frozenset({PreNormLayer, RotaryAttention, FeedForward, nn.RMSNorm})
    step_arch = "llama"
    sizes: LlamaSizes

    def __init__(
        self,
        sizes: LlamaSizes,
        kernel: AttentionKernel,
        *,
        dropout: float = 0.0,
        gradient_checkpointing: bool = False,
        decode_step: Literal["auto", "fused", "layers"] = "auto",
    ):
        layers = (
            PreNormLayer(sizes, RotaryAttention(sizes, kernel), FeedForward(sizes), dropout)
            for _ in range(sizes.n_layers)
        )
        super().__init__("llama", sizes, kernel, layers, gradient_checkpointing=gradient_checkpointing)
        self.by_torch = decode_step == "layers"
        if decode_step == "fused" and not self._enabled():
            raise UserError(
                "arch 'llama': decode_step = 'fused' needs numba. Install it with: pip install numba, "
                "or leave decode_step at 'auto'"
            )

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: SteppedKeyValueCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        if cache is not None and x.shape[1] == 1 and layers is None and not keep:
            compiled = self.compiled_for(x, cache)
            if compiled is not None and _one_new_position(mask, cache):
                return BackboneOutput(h=compiled.advance(x, cache, positions[:, 0], finish=False)[:, None])
        out = super().forward(x, mask, positions, cache=cache, layers=layers, keep=keep)
        if cache is not None:
            cache.compiled = None  # made anew by the next step, from the modules as they then are
        return out

    def step(self, x: Float[Tensor, "B 1 D"], cache: SteppedKeyValueCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state: forward, then finish, in one go.

        Rotary positions are the rows' lengths.
        """
        found = self.compiled_step(x, cache)
        return through_layers(self)(x, cache, 0, self.n_layers)[:, 0] if found is None else found

    def step_modules(self) -> Iterable[nn.Module]:
        return (*self.layers, self.norm)

    def listed_step(self, rows: int, capacity: int) -> CompiledStep:
        from valle_llama.program import step_of

        return step_of(self, rows, capacity)

    def ahead(self) -> Ahead:
        """See `valle_kit.ahead.GoesAhead`."""
        known: CompiledStep | None = None
        otherwise = through_layers(self)

        def ahead(
            x: Float[Tensor, "B T D"], cache: SteppedKeyValueCache, first: int, last: int
        ) -> Float[Tensor, "B T D"]:
            nonlocal known
            B, T, _ = x.shape
            known = self.compiled_together(x.flatten(0, 1), [cache], known)
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


def _one_new_position(mask: SequenceMask | PackedMask, cache: SteppedKeyValueCache) -> bool:
    """Whether every row appends exactly one position that sees all before it."""
    return (
        isinstance(mask, SequenceMask)
        and mask.window is None
        and mask.tree is None
        and torch.equal(mask.query_start, cache.lengths)
        and torch.equal(mask.lengths, cache.lengths + 1)
    )
