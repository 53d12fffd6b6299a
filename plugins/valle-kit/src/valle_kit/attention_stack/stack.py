"""The stack around the layers of a backbone with attention: masks, padding, cache, checkpointing, kept layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.attention_stack.norm import rms_norm
from valle_kit.graphs.passes import replayed
from valle_kit.graphs.pure import PureGraphs
from valle_kit.key_value_cache import KeyValueCache, Places

ALWAYS = frozenset({"causal", "full", "mixed", "packed"})

Append = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes a layer's new keys and values [B, Hk, T, Dh], rotated if they are; gives all that are cached of it."""


class Sizes(Protocol):
    """What a stack has to know of a backbone's sizes: Hk heads of keys and values, each Dh wide."""

    @property
    def d_model(self) -> int: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def n_kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def max_length(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StackSizes:
    """`Sizes` of a backbone whose options are others."""

    d_model: int
    n_layers: int
    n_kv_heads: int
    head_dim: int
    max_length: int | None


class AttentionStack(nn.Module):
    """Satisfies `valle_core.interfaces.Backbone`, once a subclass has set `layers` and `norm`.

    Each layer is called as `layer(x, mask, shared, append)`: `shared` is what the method `shared` gave for this call,
    `append` is None without a cache. Mask forms beyond causal, full, mixed and packed are those of the kernel.
    A call that does not run layer 0 goes on from the states of another. No gradient passes through cached keys.

    Attributes:
        packs: whether rows laid end to end are cheaper than padded ones: the layers have no padding to compute.
        portable: options that say its sizes without the weights they were read from; set where it was built from such.
        passes: replays passes on a CUDA device.
    """

    cache_type: ClassVar[type[KeyValueCache]] = KeyValueCache
    layers: nn.ModuleList
    norm: nn.Module

    def __init__(self, arch: str, sizes: Sizes, kernel: AttentionKernel, *, gradient_checkpointing: bool) -> None:
        super().__init__()
        self._arch, self.sizes = arch, sizes
        self.d_model, self.n_layers, self.max_length = sizes.d_model, sizes.n_layers, sizes.max_length
        declared = getattr(kernel, "capabilities", frozenset())
        self.packs = bool(getattr(kernel, "packs", False))
        self.mask_forms = ALWAYS | (declared & {"prefix", "window", "tree"})
        self.gradient_checkpointing = gradient_checkpointing
        self.portable: Any = None
        self.passes: PureGraphs | None = None
        self._reports_nothing = type(self).report is AttentionStack.report

    def shared(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        condition: Float[Tensor, "R C"] | None,
    ) -> Any:
        """What all layers of one call need beside the states and the mask."""
        return None

    def enter(self, x: Float[Tensor, "B T D"], positions: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """What comes before layer 0."""
        return x

    def run(
        self,
        index: int,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        shared: Any,
        append: Append | None = None,
    ) -> tuple[Any, ...]:
        """The states after a layer, and whatever else it gives for `report`."""
        return (self.layers[index](x, mask, shared, append),)

    def report(self, given: Sequence[Sequence[Any]]) -> Mapping[str, Any]:
        """Losses and figures of a call without a cache, from what each layer gave beside its states."""
        return {}

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: Any = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """See `Backbone`; the cache is one of `new_cache`. On a CUDA device passes over full rows are replayed."""
        if x.is_cuda and self.passes is None and not torch.is_grad_enabled():
            self.passes = PureGraphs(f"passes of arch '{self._arch}' run")
        if self.passes is not None and cache is None and layers is None and not keep and self._reports_nothing:
            h = replayed(self, self.passes, x, mask, positions, condition)
            if h is not None:
                return BackboneOutput(h=h)
        return self.through(x, mask, positions, condition=condition, cache=cache, layers=layers, keep=keep)

    def through(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: Any = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        """The same, layer by layer."""
        T = x.shape[1]
        chosen = range(self.n_layers) if layers is None else self._known(layers)
        self._check_rows(mask, T)
        shared = self.shared(x, mask, positions, condition)
        mask, places = self._open(cache, mask, T)
        if 0 in chosen:
            x = self.enter(x, positions)
        if isinstance(mask, SequenceMask) and mask.padded:
            x = x.masked_fill(padding(mask, T), 0.0)
        recompute = self.gradient_checkpointing and self.training and cache is None and torch.is_grad_enabled()
        kept: dict[int, Tensor] = {}
        given: list[Sequence[Any]] = []
        for index in chosen:
            if recompute:
                x, *more = checkpoint(self.run, index, x, mask, shared, use_reentrant=False)
            else:
                append = None if cache is None else partial(cache.append, index, places)
                x, *more = self.run(index, x, mask, shared, append)
            given.append(more)
            if index in keep:
                kept[index] = x
        if cache is None:
            return BackboneOutput(h=x, kept=kept, **self.report(given))
        if isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=x, kept=kept)

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        """The final norm, the same for every level."""
        return rms_norm(self.norm, h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> Any:
        """An empty cache. Raises `UserError` above the backbone's own `max_length`."""
        self._check_length(max_length)
        heads, width = self.sizes.n_kv_heads, self.sizes.head_dim
        return self.cache_type(self.n_layers, batch, heads, width, max_length, dtype, device)

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def _open(
        self, cache: KeyValueCache | None, mask: SequenceMask | PackedMask, new: int
    ) -> tuple[SequenceMask | PackedMask, Places | None]:
        """Places in the cache for the new positions."""
        if cache is None:
            return mask, None
        if isinstance(mask, PackedMask):
            raise UserError(f"arch '{self._arch}' takes no cache with packed segments; give it rows")
        empty = cache.longest == 0
        places = cache.open(mask, new)
        if empty and mask.form == "causal":  # says without a device read that no row has cached keys
            mask = replace(mask, query_start=mask.prefix)
        return mask, places

    def _known(self, layers: Sequence[int]) -> Sequence[int]:
        for index in layers:
            if not 0 <= index < self.n_layers:
                raise UserError(f"layers: there is no layer {index}, choose among 0 … {self.n_layers - 1}")
        return layers

    def _check_rows(self, mask: SequenceMask | PackedMask, T: int) -> None:
        """Cached rows are no longer than their cache, and that no longer than `max_length`."""
        if self.max_length is not None and self.max_length < T:
            self._check_length(int(mask.offsets.diff().max()) if isinstance(mask, PackedMask) else T)

    def _check_length(self, length: int) -> None:
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch '{self._arch}': rows must have at most {self.max_length} positions, got {length}; "
                f"shorten the input or raise max_length (--arch.max-length {length})"
            )


def padding(mask: SequenceMask, T: int) -> Bool[Tensor, "B T 1"]:
    """True where a query lies at or past its row's length."""
    place = mask.query_start[:, None] + torch.arange(T, device=mask.lengths.device)
    return (place >= mask.lengths[:, None])[..., None]
