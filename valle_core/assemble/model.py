"""From names and options to a codec language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from valle_core.assemble.part import build
from valle_core.assemble.rewriting import rewritten
from valle_core.config.schema import Resolved
from valle_core.interfaces import Backbone, Codec
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.registry.directory import service
from valle_core.registry.select import Selected
from valle_core.sequence.alignment import Alignment
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import CodecIdentity


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """Sizes that come from the data, not from the user.

    Attributes:
        codec: whose codes are modelled.
        symbols: the symbol map.
        languages: language tags, index = position.
        task_tokens: names of the tasks that have a token, in the order of the table.
        writes: whether the answers of some tasks are not codes.
    """

    codec: CodecIdentity
    symbols: tuple[str, ...]
    languages: tuple[str, ...]
    task_tokens: tuple[str, ...] = ()
    writes: bool = False


def build_model(
    resolved: Resolved,
    selected: Mapping[str, tuple[Selected, ...]],
    facts: ModelFacts,
    *,
    codebooks: Float[Tensor, "Q V d"] | None = None,
) -> CodecLM:
    """A model with fresh weights.

    Args:
        resolved: a configuration that has the slots and sections of `MODEL_SCHEMA`.
        selected: the plugins of its slots, from the preflight.
        facts: sizes.
        codebooks: the codec's, needed only for `codebook_embeddings`.

    Raises:
        UserError: impossible sizes, before any weight is made.
    """
    options: ModelOptions = resolved.sections["model"]
    levels = options.levels or facts.codec.num_levels
    if not 1 <= levels <= facts.codec.num_levels:
        raise UserError(
            f"model.levels: codec '{facts.codec.name}' has {facts.codec.num_levels} levels, got {options.levels}; "
            f"choose 1 to {facts.codec.num_levels}, or 0 for all"
        )
    backbone = build_backbone(resolved, selected)
    vocabulary = Vocabulary(
        symbols=len(facts.symbols),
        languages=len(facts.languages),
        num_levels=levels,
        codebook_size=facts.codec.codebook_size,
        per_language_text=options.per_language_text,
        tasks=max(1, len(facts.task_tokens)),
        writes=facts.writes,
    )
    alignment: Alignment | None = _optional(
        "alignment", resolved, selected, symbols=facts.symbols, languages=len(facts.languages), d_model=backbone.d_model
    )
    draft = _optional("draft", resolved, selected, n_layers=backbone.n_layers, d_model=backbone.d_model)
    return CodecLM(backbone, vocabulary, options, codebooks, alignment, facts.task_tokens, draft)


def _optional(slot: str, resolved: Resolved, selected: Mapping[str, tuple[Selected, ...]], **given: Any) -> Any:
    """The part of a slot that may be empty; then None."""
    if not resolved.parts.get(slot):
        return None
    return build(selected[slot][0], resolved.part(slot).options, **given)


def build_backbone(resolved: Resolved, selected: Mapping[str, tuple[Selected, ...]]) -> Backbone:
    """The backbone alone, with fresh weights, over the attention kernel that was chosen for it, and rewritten.

    Args:
        resolved, selected: as for `build_model`; only the slots are looked at, and `rewrite` may be missing.
    """
    attention = None
    if resolved.parts["attention"]:
        (chosen,) = selected["attention"]
        kernel = build(chosen, resolved.part("attention").options)
        attention = service("mixed-rows", "a kernel serves rows of several kinds", "valle-kit")(
            kernel, chosen.spec.capabilities
        )
    (arch,) = selected["arch"]
    backbone = build(arch, resolved.part("arch").options, attention=attention)
    for rewrite, part in zip(selected.get("rewrite", ()), resolved.parts.get("rewrite", ()), strict=True):
        backbone = rewritten(backbone, rewrite, part.options)
    return backbone


def build_codec(selected: Selected, options: Any, *, device: Any) -> Codec:
    """A codec on its device."""
    return build(selected, options, device=device)
