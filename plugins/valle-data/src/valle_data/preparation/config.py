"""What `valle prepare` can be configured with."""

from __future__ import annotations

from valle_core.config.schema import Schema, Section, Slot
from valle_data.preparation.options import PrepareOptions

PREPARE_SCHEMA = Schema(
    slots=(Slot("codec", "codec", "tiny"), Slot("frontend", "frontend", "espeak"), Slot("align", "recognizer", None)),
    sections=(Section("prepare", PrepareOptions, flat=True, help="Preparation"),),
)
"""The codec and the frontend whose codes and phonemes are stored, and the recognizer that times the phonemes."""
