"""Which part of a recording is said anew, from the words that are to be replaced."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from valle.options import Part, resolved_from
from valle_core.config.schema import Schema, Slot
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_data.audio.reading import load
from valle_language.recognition import TimedWord

_USUAL = "pocketsphinx"
_MARGIN = 0.05
"""Seconds around the words that are said anew with them, as far as no other word is there."""

_BATCH_SECONDS = 120.0


class Edit(NamedTuple):
    """What the recording says after the edit, and the seconds of it that are said anew."""

    text: str
    span: tuple[float, float]


def edit_of(words: Sequence[TimedWord], old: str, new: str) -> Edit:
    """The edit that puts `new` in the place of `old`; capitals and marks are not compared, `new` may be empty.

    Args:
        words: what the recording says, in order, each with its time.
        old: words of it, one or more in a row.
        new: what to say instead.

    Raises:
        UserError: `old` has no word, is not said, or more than once; or nothing would be left to say.
    """
    wanted, said = [_bare(word) for word in old.split()], [_bare(word.text) for word in words]
    wanted = [word for word in wanted if word]
    if not wanted:
        raise UserError(f"the words to replace are {old!r}; give words that the recording says (--replace)")
    found = [at for at in range(len(said) - len(wanted) + 1) if said[at : at + len(wanted)] == wanted]
    heard = " ".join(word.text for word in words)
    if not found:
        raise UserError(f"the recording does not say '{old}'; it says: {heard}")
    if len(found) > 1:
        raise UserError(f"the recording says '{old}' {len(found)} times; add words beside it: {heard}")
    first, behind = found[0], found[0] + len(wanted)
    kept = [*(word.text for word in words[:first]), *new.split(), *(word.text for word in words[behind:])]
    if not kept:
        raise UserError(f"nothing is left to say without '{old}'; give new words")
    start, end = words[first].start, words[behind - 1].end
    start = max(start - _MARGIN, words[first - 1].end if first else 0.0)
    end = min(end + _MARGIN, words[behind].start) if behind < len(words) else end
    return Edit(" ".join(kept), (min(start, words[first].start), max(end, words[behind - 1].end)))


def timed_words(
    recording: Path, language: str, *, transcript: str = "", recognizer: Part = _USUAL, registry: Registry | None = None
) -> list[TimedWord]:
    """The words that a recording says, with their times.

    Args:
        recording: audio file.
        language: tag that the recognizer accepts.
        transcript: what it says, where that is known.
        recognizer: plugin that times words, or places those of a transcript.
        registry: where it is found.

    Raises:
        UserError: the recognizer cannot do that, or finds no word.
    """
    from valle_data.preparation.transcription.open import open_recognizer

    registry = registry or Registry.open()
    schema = Schema(slots=(Slot("recognizer", "recognizer", _USUAL),))
    opened = open_recognizer(
        resolved_from(schema, registry, {"recognizer": recognizer}), registry, "auto", batch_seconds=_BATCH_SECONDS
    )
    able, needed = opened.transcriber.capabilities, "align" if transcript else "words"
    if needed not in able:
        what = "places no words of a transcript" if transcript else "times no words"
        raise UserError(f"recognizer '{opened.name}' {what}; choose another: --recognizer {_USUAL}")
    wav = load(recording, opened.transcriber.recognizer.sample_rate)
    if transcript:
        (aligned,) = opened.transcriber.align([wav], [transcript], [language])
        if isinstance(aligned, str):
            raise UserError(f"the words of the transcript are not found in '{recording}': {aligned}")
        words = aligned
    else:
        (found,) = opened.transcriber.transcribe([wav], [language])
        words = [word for segment in found.segments for word in segment.words]
    if not words:
        raise UserError(f"no words are recognized in '{recording}'; give what it says with --input-text")
    return words


def _bare(word: str) -> str:
    """A word without capitals and the marks around it."""
    kept = (one for one in word.casefold() if unicodedata.category(one)[0] not in "PS" or one in "'’")
    return "".join(kept).strip("'’")
