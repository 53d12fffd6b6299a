"""The `retnet` backbone: layers and final norm over the core's mask and a constant-size cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, PackedMask, SequenceMask
from valle_kit.compiled_steps import CompiledSteps
from valle_retnet.cache import RetNetCache
from valle_retnet.experts import Routing
from valle_retnet.feed_forward import FeedForward
from valle_retnet.layers import Layer, Retention
from valle_retnet.options import RetNetOptions, RetNetSizes
from valle_retnet.retention import Form, form_named
from valle_retnet.rows import Rows, rows_of
from valle_retnet.tables import step_tables_of, tables_of

if TYPE_CHECKING:
    from valle_kit.stepping.step import CompiledStep


class RetNetBackbone(CompiledSteps, nn.Module):
    """RetNet's decoder without its embedding; parameters are named as in torchscale's `RetNetDecoder`.

    Satisfies `valle_core.interfaces.Backbone`. Order is that of the places, `positions` is ignored; so is
    `condition`. Causal rows are the original exactly. Full rows and prefixes are read both ways (see
    docs/adr/bidirectional-retention.md), unless `sizes.full_rows` is "causal". A cache is for inference: no
    gradient passes through its states.
    """

    mask_forms = frozenset({"causal", "full", "mixed", "packed", "prefix"})
    plain = frozenset({Layer, Retention, FeedForward, nn.RMSNorm})
    step_arch = "retnet"

    portable: RetNetOptions | None = None
    """Options that say its sizes without the weights they were read from; set where it was built from such."""

    def __init__(
        self,
        sizes: RetNetSizes,
        *,
        form: str = "auto",
        chunk_size: int = 128,
        dropout: float = 0.0,
        router_loss: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = sizes
        self.d_model = sizes.d_model
        self.n_layers = sizes.n_layers
        self.max_length = sizes.max_length
        self.router_loss = router_loss
        self.gradient_checkpointing = gradient_checkpointing
        self._by: Form = form_named(form, chunk_size)
        self.layers = nn.ModuleList(Layer(sizes, self._by, dropout) for _ in range(sizes.n_layers))
        self.layer_norm = nn.RMSNorm(sizes.d_model, eps=sizes.norm_eps)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: SequenceMask | PackedMask,
        positions: Int[Tensor, "B T"],
        *,
        condition: Float[Tensor, "R C"] | None = None,
        cache: RetNetCache | None = None,
        layers: Sequence[int] | None = None,
        keep: Sequence[int] = (),
    ) -> BackboneOutput:
        chosen = range(self.n_layers) if layers is None else self._checked(layers)
        if cache is not None and x.shape[1] == 1 and _one_step(mask) and layers is None and not keep:
            return BackboneOutput(h=self._step(x, cache)[:, None])
        rows = self._rows(x, mask, cache)
        tables = tables_of(self.sizes, rows, x.dtype, x.device)
        valid = rows.valid()
        if valid is not None:
            x = x.masked_fill(~valid[..., None], 0.0)  # zeros stay zeros in every layer: none has a bias
        kept: dict[int, Tensor] = {}
        routings: list[Routing] = []
        again = self.gradient_checkpointing and self.training and torch.is_grad_enabled() and cache is None
        for index in chosen:
            layer = self.layers[index]
            if again:
                x, routing = checkpoint(layer, x, rows, tables, valid, use_reentrant=False)
            else:
                x, routing = layer(x, rows, tables, valid, None if cache is None else cache.states[index])
            if routing is not None:
                routings.append(routing)
            if index in keep:
                kept[index] = x
        if cache is not None and isinstance(mask, SequenceMask):
            cache.lengths = mask.lengths.clone()
        return BackboneOutput(h=x, kept=kept, **_figures(routings, self.router_loss))

    def step(self, x: Float[Tensor, "B 1 D"], cache: RetNetCache) -> Float[Tensor, "B D"]:
        """Append one position to every row and return its finished state: forward, then finish, in one go."""
        found = self.compiled_step(x, cache)
        return self.finish(self._step(x, cache)) if found is None else found

    def step_modules(self) -> Iterable[nn.Module]:
        return (*self.layers, self.layer_norm)

    def listed_step(self, rows: int, capacity: int) -> CompiledStep:
        from valle_retnet.program import step_of

        return step_of(self, rows, capacity)

    def portable_options(self) -> Mapping[str, Any]:
        """What a checkpoint keeps in place of a folder of weights; nothing where there was none."""
        return asdict(self.portable) if self.portable else {}

    def finish(self, h: Float[Tensor, "*rows D"]) -> Float[Tensor, "*rows D"]:
        return self.layer_norm(h)

    def new_cache(self, batch: int, max_length: int, dtype: torch.dtype, device: torch.device) -> RetNetCache:
        """An empty cache; `max_length` bounds the rows and costs no memory."""
        self.refuse_longer_than(max_length)
        return RetNetCache(self.sizes, batch, max_length, dtype, device)

    def _step(self, x: Float[Tensor, "B 1 D"], cache: RetNetCache) -> Float[Tensor, "B D"]:
        cache.grow()
        tables = step_tables_of(self.sizes, cache.lengths, x.dtype)
        h = x[:, 0]
        for layer, state in zip(self.layers, cache.states, strict=True):
            h = layer.step(h, tables, state)
        cache.lengths = cache.lengths + 1
        return h

    def _rows(self, x: Tensor, mask: SequenceMask | PackedMask, cache: RetNetCache | None) -> Rows:
        T = x.shape[1]
        if cache is not None:
            if isinstance(mask, PackedMask):
                raise UserError(
                    "arch 'retnet' decodes rows, not packed segments: give a cache only with a SequenceMask"
                )
            cache.reserve(mask, T)
        if isinstance(mask, SequenceMask) and (mask.window is not None or mask.tree is not None):
            word = "window" if mask.window is not None else "tree"
            raise UserError(f"arch 'retnet' takes no {word} in its mask: choose an attention backbone, e.g. llama")
        both_ways = self.sizes.full_rows == "bidirectional"
        rows = rows_of(mask, T, cached=cache is not None, both_ways=both_ways)
        if cache is None:
            self.refuse_longer_than(rows.width)
        return rows

    def _checked(self, layers: Sequence[int]) -> Sequence[int]:
        for index in layers:
            if not 0 <= index < self.n_layers:
                raise UserError(f"layers: there is no layer {index}, choose among 0 … {self.n_layers - 1}")
        return layers

    def refuse_longer_than(self, length: int) -> None:
        """Raises `UserError` above `max_length`."""
        if self.max_length is not None and length > self.max_length:
            raise UserError(
                f"arch 'retnet' was built for at most {self.max_length} positions and got {length}; "
                "shorten the input or raise max_length"
            )


def _one_step(mask: SequenceMask | PackedMask) -> bool:
    """Whether the builder promises that each row gets one more causal position."""
    return (
        isinstance(mask, SequenceMask)
        and mask.form == "causal"
        and not mask.padded
        and mask.window is None
        and mask.tree is None
    )


def _figures(routings: list[Routing], factor: float) -> dict[str, dict[str, Tensor]]:
    """The router's loss, and each expert's part of the assignments, as means over layers."""
    if not routings:
        return {}
    balance = torch.stack([routing.balance for routing in routings]).mean()
    share = torch.stack([routing.share for routing in routings]).mean(0)
    figures = {f"expert_{index}": part for index, part in enumerate(share.unbind())}
    return {
        "losses": {"router_balance": factor * balance},
        "figures": {"balance": balance.detach(), **figures},
    }
