"""Voices for sentences that bring none: wav prompts of a folder or table, dealt in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from valle_core.plugin import UserError
from valle_eval.sentences import Sentence
from valle_eval.tables import SOUNDS, read_table


def with_voices(sentences: Sequence[Sentence], place: Path) -> list[Sentence]:
    """Sentence k in voice k modulo their number.

    Args:
        sentences: those that have a voice lose it.
        place: a folder with a recording of each voice, at any depth, or a table with `audio` and `text`, what it says.

    Raises:
        UserError: there is no recording.
    """
    voices = _voices(place)
    return [
        replace(one, voice=path, voice_text=prompt_text)
        for one, (path, prompt_text) in zip(
            sentences, (voices[k % len(voices)] for k in range(len(sentences))), strict=True
        )
    ]


def _voices(place: Path) -> list[tuple[Path, str]]:
    if not place.exists():
        raise UserError(f"there is no '{place}'. Give a folder with a wav file of each voice, or a table of them")
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SOUNDS and path.is_file())
        texts = [path.with_suffix(".txt") for path in found]
        voices = [
            (path, text.read_text(encoding="utf-8", errors="replace").strip() if text.is_file() else "")
            for path, text in zip(found, texts, strict=True)
        ]
    else:
        voices = [(one.audio, one.text) for one in read_table(place, "en") if one.audio]
    if not voices:
        raise UserError(f"'{place}' holds no recording of a voice. Put a wav file of each voice there")
    return voices


def with_references(sentences: Sequence[Sentence], table: Path) -> list[Sentence]:
    """Each sentence with the recording of its text in a table, where there is one.

    A text that several voices say goes to the sentence of the same id, else the first.

    Raises:
        UserError: not one text is there.
    """
    rows = read_table(table, "en")
    by_id: Mapping[tuple[str, str], Path] = {(one.id, one.text): one.audio for one in rows if one.audio}
    by_text: dict[str, Path] = {}
    for one in rows:
        if one.audio:
            by_text.setdefault(one.text.strip(), one.audio)
    found = [
        replace(one, reference=by_id.get((one.id, one.text)) or by_text.get(one.text.strip()) or one.reference)
        for one in sentences
    ]
    if not any(one.reference for one in found):
        raise UserError(f"'{table}' has no recording of these texts. Check the column text")
    return found
