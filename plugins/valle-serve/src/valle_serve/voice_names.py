"""Which voice a client means."""

from __future__ import annotations

from collections.abc import Mapping

from valle_serve.dialect import OPENAI_VOICES
from valle_serve.interface import UnknownVoice, VoiceFacts


def known_voice(name: str, voices: Mapping[str, VoiceFacts]) -> str:
    """The name of a voice that there is; "" where the model has none and none is asked for.

    OpenAI's names stand for the voices of the model in turn, unless one is called so.

    Raises:
        UnknownVoice: another name, saying those there are.
    """
    if not name:
        return next((one for one, facts in voices.items() if not facts.saved), "")
    if name in voices:
        return name
    own = [one for one, facts in voices.items() if not facts.saved] or list(voices)
    if name in OPENAI_VOICES:
        return own[OPENAI_VOICES.index(name) % len(own)] if own else ""
    there = f"Choose one of: {', '.join(voices)}" if voices else "Leave voice out"
    raise UnknownVoice(f"there is no voice '{name:.80}'. {there}")
