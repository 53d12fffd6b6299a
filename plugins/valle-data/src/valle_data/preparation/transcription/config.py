"""What `valle transcribe` can be configured with."""

from __future__ import annotations

from valle_core.config.schema import Schema, Section, Slot
from valle_data.preparation.transcription.options import TranscribeOptions

TRANSCRIBE_SCHEMA = Schema(
    slots=(Slot("recognizer", "recognizer", "pocketsphinx"),),
    sections=(Section("transcribe", TranscribeOptions, flat=True, help="Transcription"),),
)
"""The recognizer that transcribes and aligns."""
