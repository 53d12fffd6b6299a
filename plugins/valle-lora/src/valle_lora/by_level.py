"""Backbones whose adapters act at some codebook levels only: they are told each row's level, and run rows apart."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import BackboneOutput, HostNumbers, PackedMask, SequenceMask
from valle_lora.parametrization import Adapter

Mask = SequenceMask | PackedMask
Way = tuple[bool, ...]
"""Which adapters act."""


class Limited:
    """The adapters of some levels in a backbone, and who may switch them."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        self.adapters = tuple(adapters)
        self.lock = threading.RLock()  # a stream draws level 0 in one thread and fills the levels above in another

    def __deepcopy__(self, memo: dict[int, Any]) -> Limited:
        return Limited(copy.deepcopy(self.adapters, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return Limited, (self.adapters,)

    def way(self, level: int) -> Way:
        """Which of them act where a row predicts this level."""
        return tuple(adapter.levels is None or level in adapter.levels for adapter in self.adapters)

    def switch(self, way: Way) -> None:
        """Let these act from now on, and no others."""
        for adapter, on in zip(self.adapters, way, strict=True):
            adapter.on = on

    def reached(self, out: BackboneOutput) -> BackboneOutput:
        """The same, with a gradient of zeros where these adapters alone are trained and none of them acted."""
        weights = [weight for one in self.adapters for weight in one.parameters() if weight.requires_grad]
        if out.h.requires_grad or not weights or not torch.is_grad_enabled():
            return out
        return replace(out, h=out.h + 0.0 * torch.stack([weight.flatten()[0] for weight in weights]).sum())


def reading(own: Any) -> Any:
    """The class of a backbone with adapters of some levels.

    Without a cache, `condition` has the level of each row (or segment) as its last column; `CodecLM.condition` sees to
    that where there is `reads_levels`. Rows of levels at which other adapters act go through the layers apart from each
    other. What has a cache is level 0, and between calls the weights are those of level 0 too.
    """

    class Reading(own):
        reads_levels = True

        @torch.compiler.disable(recursive=False)
        def forward(self, x: Tensor, mask: Mask, positions: Tensor, **how: Any) -> BackboneOutput:
            return by_level(self, super().forward, x, mask, positions, **how)

        def train(self, mode: bool = True) -> Any:
            self.limited.switch(self.limited.way(0))
            return super().train(mode)

    if hasattr(own, "step"):
        Reading.step = lambda self, *given: of_level_zero(self, super(Reading, self).step)(*given)  # pyright: ignore
    if hasattr(own, "ahead"):
        Reading.ahead = lambda self: of_level_zero(self, super(Reading, self).ahead())  # pyright: ignore
    Reading.__name__, Reading.__qualname__, Reading.__module__ = own.__name__, own.__qualname__, own.__module__
    return Reading


def by_level(
    backbone: Any,
    forward: Callable[..., BackboneOutput],
    x: Float[Tensor, "B T D"],
    mask: Mask,
    positions: Int[Tensor, "B T"],
    *,
    condition: Float[Tensor, "R C"] | None = None,
    cache: Any = None,
    **how: Any,
) -> BackboneOutput:
    """A call of `forward`, or one for each set of adapters that acts at the level of some row.

    Raises:
        UserError: neither a cache nor a condition says what the level is.
    """
    limited: Limited = backbone.limited
    told = condition is not None and condition.shape[-1] > backbone.d_model
    if cache is None and not told:
        raise UserError("adapters of some levels must be told the level of each row; call the model, not its backbone")
    levels = [0] if cache is not None or condition is None else [*map(round, condition[:, -1].tolist())]
    if told and condition is not None:
        condition = condition[:, : backbone.d_model]
    groups: dict[Way, list[int]] = {}
    for row, level in enumerate(levels):
        groups.setdefault(limited.way(level), []).append(row)
    with limited.lock:
        if len(groups) == 1:
            inner = partial(forward, x, mask, positions, condition=condition, cache=cache, **how)
            return limited.reached(_through(limited, next(iter(groups)), inner))
        assert condition is not None
        parts = [Part.of(mask, rows, x.device) for rows in groups.values()]
        found = []
        for (way, rows), part in zip(groups.items(), parts, strict=True):
            given = part.take(x), part.mask, part.take(positions)
            found.append(_through(limited, way, partial(forward, *given, condition=condition[rows], **how)))
    return limited.reached(together(found, parts))


def _through(limited: Limited, way: Way, call: Callable[[], BackboneOutput]) -> BackboneOutput:
    """A pass with these adapters; layers that are computed again in the backward pass are so with them too.

    The nodes of a later pass come first in a backward pass, so those of two passes do not mix.
    """
    limited.switch(way)
    try:
        out = call()
    finally:
        limited.switch(limited.way(0))
    for tensor in chain([out.h], out.kept.values(), out.losses.values()):
        if tensor.requires_grad:
            tensor.register_hook(lambda _: limited.switch(way))
    return out


def of_level_zero(backbone: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the adapters of level 0, and nobody switches them meanwhile."""

    def call(*given: Any) -> Any:
        limited: Limited = backbone.limited
        with limited.lock:
            limited.switch(limited.way(0))
            return function(*given)

    return call


class Part:
    """Some rows of a batch, or some segments of a packed row.

    Attributes:
        mask: theirs.
        places: where they lie in the whole, along `dim`.
        weight: their positions.
    """

    def __init__(self, mask: Mask, places: Int[Tensor, "n"], dim: int, weight: int) -> None:
        self.mask, self.places, self.dim, self.weight = mask, places, dim, weight

    @classmethod
    def of(cls, mask: Mask, rows: Sequence[int], device: torch.device) -> Part:
        """The rows of these numbers."""
        index = torch.tensor(rows, device=device)
        if isinstance(mask, SequenceMask):
            old = {name: getattr(mask, name) for name in ("lengths", "prefix", "query_start")}
            known = {name: [mask.host.of(tensor)[row] for row in rows] for name, tensor in old.items()}
            new = {name: tensor[index] for name, tensor in old.items()}
            host = HostNumbers(tuple((new[name], known[name]) for name in old))
            tree = None if mask.tree is None else mask.tree[index]
            return cls(replace(mask, **new, tree=tree, host=host), index, 0, sum(known["lengths"]))
        ends, prefix = mask.host.of(mask.offsets), mask.host.of(mask.prefix)
        lengths = [ends[row + 1] - ends[row] for row in rows]
        offsets = [0, *accumulate(lengths)]
        places = [place for row in rows for place in range(ends[row], ends[row + 1])]
        new_offsets, new_prefix = mask.offsets.new_tensor(offsets), mask.prefix[index]
        host = HostNumbers(((new_offsets, offsets), (new_prefix, [prefix[row] for row in rows])))
        inner = PackedMask(offsets=new_offsets, prefix=new_prefix, host=host)
        return cls(inner, torch.tensor(places, device=device), 1, len(places))

    def take(self, tensor: Tensor) -> Tensor:
        """Theirs of a tensor of all."""
        return tensor.index_select(self.dim, self.places)


def together(found: Sequence[BackboneOutput], parts: Sequence[Part]) -> BackboneOutput:
    """One output from those of all parts; losses and figures are means over their positions."""
    dim = parts[0].dim
    order = torch.cat([part.places for part in parts]).argsort()
    whole = sum(part.weight for part in parts)

    def joined(tensors: Iterable[Tensor]) -> Tensor:
        return torch.cat([*tensors], dim).index_select(dim, order)

    def mean(values: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        shared = [
            [one[name] * (part.weight / whole) for one, part in zip(values, parts, strict=True)] for name in values[0]
        ]
        return {name: torch.stack(shares).sum(0) for name, shares in zip(values[0], shared, strict=True)}

    return BackboneOutput(
        h=joined(one.h for one in found),
        kept={layer: joined(one.kept[layer] for one in found) for layer in found[0].kept},
        losses=mean([one.losses for one in found]),
        figures=mean([one.figures for one in found]),
    )


def tell_levels(backbone: Any) -> Any:
    """In place: the backbone reads levels where an adapter of it acts at some only, and no longer where none does."""
    adapters = [part for part in backbone.modules() if isinstance(part, Adapter)]
    reads = hasattr(backbone, "reads_levels")
    if any(adapter.levels is not None for adapter in adapters):
        backbone.limited = Limited(adapters)
        if not reads:
            backbone.__class__ = reading(type(backbone))
    elif reads:
        backbone.__class__ = type(backbone).__bases__[0]
        del backbone.limited
    return backbone
