"""The `transformer` backbone: positions, layers, final norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_transformer.cache import KeyValueCache, Slots
from valle_transformer.layers import AdaptiveNorm, Layer
from valle_transformer.options import TransformerOptions
from valle_transformer.positions import SinusoidalPositions

OWED = frozenset({"causal", "full", "mixed", "packed"})


class TransformerBackbone(nn.Module):
    """See `valle_core.interfaces.Backbone`.

    Positions are added by the call that runs layer 0, so a second call with the later layers continues from the
    states of the first. A cache is for inference: no gradient passes through cached keys.
    """

    def __init__(self, options: TransformerOptions, kernel: AttentionKernel) -> None:
        super().__init__()
        self.options = options
        self.d_model = options.d_model
        self.n_layers = options.n_layers
        self.max_length = options.max_length
        declared = getattr(kernel, "capabilities", frozenset())
        self.mask_forms = OWED | (declared & {"prefix", "window", "tree"})
        self.positions = SinusoidalPositions(options.max_length, options.d_model)
        self.layers = nn.ModuleList(Layer(options, kernel) for _ in range(options.n_layers))
        self.norm = nn.LayerNorm(options.d_model)
        self._initialise()

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "B C"] | None = None,
        cache: KeyValueCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """See `Backbone`. With packed segments `condition` may also have one line per segment."""
        T = x.shape[1]
        chosen = range(self.n_layers) if layers is None else self._checked(layers)
        self._refuse_long(mask, T)
        levels = self._condition(condition, mask) if self.options.adaptive_norm else None
        mask, slots = _open(cache, mask, T)
        if layers is None or 0 in layers:
            x = self.positions(x, positions)
            if self.training and self.options.dropout:
                x = functional.dropout(x, self.options.dropout)
        if isinstance(mask, SequenceMask) and mask.padded:
            x = x.masked_fill(_padding(mask, T), 0.0)
        kept: dict[int, Tensor] = {}
        twice = self.options.gradient_checkpointing and self.training and torch.is_grad_enabled()
        for index in chosen:
            if twice and cache is None:
                x = checkpoint(self.layers[index], x, mask, levels, None, None, index, use_reentrant=False)
            else:
                x = self.layers[index](x, mask, levels, cache, slots, index)
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=x, kept=kept)

    def finish(self, h: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """The final norm, the same for every level."""
        return self.norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> KeyValueCache:
        """An empty cache. Raises `UserError` above the backbone's own `max_length`."""
        if max_length > self.max_length:
            raise UserError(self._too_long(max_length))
        heads = self.options.n_heads
        return KeyValueCache(self.n_layers, batch, heads, self.d_model // heads, max_length, dtype, device)

    def _checked(self, layers: Sequence[int]) -> Sequence[int]:
        for index in layers:
            if not 0 <= index < self.n_layers:
                raise UserError(f"layers: there is no layer {index}, choose among 0 … {self.n_layers - 1}")
        return layers

    def _refuse_long(self, mask: SequenceMask | PackedMask, T: int) -> None:
        if self.max_length >= T:
            return
        longest = int(mask.offsets.diff().max()) if isinstance(mask, PackedMask) else T
        if longest > self.max_length:
            raise UserError(self._too_long(longest))

    def _too_long(self, length: int) -> str:
        return (
            f"arch 'transformer' takes rows of at most {self.max_length} positions, got {length}. "
            f"Shorten the input or train with --arch.max-length {length}"
        )

    def _condition(self, condition: Tensor | None, mask: SequenceMask | PackedMask) -> Float[Tensor, "..."]:
        """[B, 1, D], or [1, N, D] from one line per segment."""
        if condition is None:
            raise UserError("arch.adaptive_norm is on and the model gives no condition; switch it off")
        if isinstance(mask, PackedMask) and condition.shape[0] > 1:
            return condition.repeat_interleave(mask.offsets.diff(), dim=0)[None]
        return condition[:, None]

    def _initialise(self) -> None:
        """Matrices of variance 1/(3 · fan-in), those that end a residual branch divided by √(2 · layers) (GPT-2)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=(3 * module.in_features) ** -0.5)
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, Layer):
                for end in (module.attention.out, module.down):
                    end.weight.data.mul_((2 * self.n_layers) ** -0.5)
            elif isinstance(module, AdaptiveNorm) and module.modulation is not None:
                nn.init.zeros_(module.modulation.weight)


def _open(
    cache: KeyValueCache | None, mask: SequenceMask | PackedMask, T: int
) -> tuple[SequenceMask | PackedMask, Slots | None]:
    """Places in the cache for the new positions."""
    if cache is None:
        return mask, None
    if isinstance(mask, PackedMask):
        raise UserError("arch 'transformer' takes no cache with packed segments; give it rows")
    empty = cache.extent == 0
    slots = cache.reserve(mask, T)
    if empty and mask.form == "causal":  # says without a device read that no row has cached keys
        mask = replace(mask, query_start=mask.prefix)
    return mask, slots


def _padding(mask: SequenceMask, T: int) -> Tensor:
    """[B, T, 1], True at and past the row's length."""
    p = mask.query_start[:, None] + torch.arange(T, device=mask.lengths.device)
    return (p >= mask.lengths[:, None])[..., None]
