"""The configuration of a model, by itself: what a checkpoint must know to build it again (imports no torch)."""

from __future__ import annotations

from valle_core.config.schema import Resolved, Schema, Section, Slot
from valle_core.model.options import ModelOptions

MODEL_SCHEMA = Schema(
    slots=(
        Slot("arch", "arch", "llama"),
        Slot("attention", "attention", "sdpa", serves="arch"),
        Slot("rewrite", "rewrite", None, many=True),
        Slot("alignment", "alignment", None),
        Slot("draft", "draft", None),
    ),
    sections=(Section("model", ModelOptions, help="Codec language model"),),
)

CODEC_SCHEMA = Schema(slots=(Slot("codec", "codec", None),))
"""A codec that is the stored one unless it is named (with options it may need); see `stored_codec`."""


def model_part(resolved: Resolved) -> Resolved:
    """The part of a larger configuration that `MODEL_SCHEMA` describes."""
    return Resolved(
        parts={slot.name: resolved.parts[slot.name] for slot in MODEL_SCHEMA.slots},
        sections={section.name: resolved.sections[section.name] for section in MODEL_SCHEMA.sections},
        schema=MODEL_SCHEMA,
    )
