"""Samplers as Python names them: built ones, names, and names with options, in one chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch

from valle.options import Part, resolved_from
from valle_core.assemble.part import build
from valle_core.config.schema import Schema, Slot
from valle_core.interfaces import Chooser, Filler, Processor, Sampler, Search
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.synthesis.sampling.chain import SamplerChain

Samplers: TypeAlias = Sampler | Part | Sequence[Sampler | Part]
"""One sampler or a chain of them, each built (`TopK(k=20)`), by name (`"sample"`) or `{"name": "top_k", "k": 20}`."""

_SCHEMA = Schema(slots=(Slot("sampler", "sampler", None, many=True),))


def chain_of(
    samplers: Samplers, registry: Registry, *, device: torch.device, dtype: torch.dtype, no_search: str = ""
) -> SamplerChain:
    """The chain that draws the tokens of a level: processors in the order given, then at most one chooser or search.

    Raises:
        UserError: there is no sampler of a name, an option does not fit, something is not a sampler, one that picks
            the token does not stand last, or one searches where `no_search` says why it cannot.
    """
    given = list(samplers) if isinstance(samplers, Sequence) and not isinstance(samplers, str) else [samplers]
    built = [_built(one, registry, device, dtype) for one in given]
    return SamplerChain(built, [_name(one) for one in given], no_search=no_search)


def _built(sampler: Sampler | Part, registry: Registry, device: torch.device, dtype: torch.dtype) -> Sampler:
    if not isinstance(sampler, str | Mapping):
        if isinstance(sampler, type) or not isinstance(sampler, Processor | Chooser | Search | Filler):
            what = f"the class {sampler.__name__}" if isinstance(sampler, type) else repr(sampler)[:80]
            raise UserError(f'sampler: expected a built one like TopK(k=20), or a name like "top_k", got {what}')
        return sampler
    if isinstance(sampler, Mapping) and "name" not in sampler:
        raise UserError(f'sampler: expected {{"name": …, option: …}}, got {dict(sampler)!r:.80}')
    resolved = resolved_from(_SCHEMA, registry, {"sampler": [sampler]})
    (plugin,) = preflight(registry, resolved.choices(), device=device.type, dtype=str(dtype).removeprefix("torch."))[
        "sampler"
    ]
    return build(plugin, resolved.part("sampler").options)


def _name(sampler: Sampler | Part) -> str:
    """What the user calls it."""
    if isinstance(sampler, str):
        return sampler
    return str(sampler["name"]) if isinstance(sampler, Mapping) else type(sampler).__name__
