"""Which language a recording is in, by everything that names one.

In this order: its own row of a table; the file of speakers' languages; `language.txt` in its folder or one above; the
corpus's description of its speakers; `--language` (with `auto` what is detected); the `.json` beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from valle_core.audio.wav import SUFFIXES
from valle_core.interfaces import Frontend
from valle_core.plugin import UserError
from valle_data.preparation.layouts.dialect import SEPARATORS, lines_of, separated
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.rows import read_text
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, plain, transcript
from valle_data.preparation.visible import visible
from valle_language.detection import DETECTED, candidates_of, detect_speakers, is_auto
from valle_language.tags import normal_tag, root

FOLDER_FILE = "language.txt"
"""Holds the tag of all recordings in its folder and below."""


def with_languages(found: Found, options: PrepareOptions, frontend: Frontend) -> list[Recording]:
    """The recordings with the languages that are known before their `.json` is read.

    A tag without a region gives way to one of the same language with a region that stands lower in the order:
    `en` of a table and `--language en-gb` is `en-gb`.

    Raises:
        UserError: a file of languages cannot be used, or `auto:…` names a language that the frontend does not accept.
    """
    accepted = frozenset(normal_tag(tag) for tag in frontend.languages())
    asked = None if is_auto(options.language) else options.language
    speakers = read_speaker_languages(options.speaker_languages) if options.speaker_languages else {}
    described = {speaker: tag for speaker, tag in found.languages.items() if tag in accepted}
    folders = _Folders(options.source)
    recordings = []
    for one in found.recordings:
        tags = (
            one.language,
            speakers.get(one.speaker) or speakers.get(one.speaker.rpartition("/")[2]),
            folders.language(one.audio),
            described.get(one.speaker),
            asked,
        )
        tag = _most_exact([tag for tag in tags if tag], accepted)
        recordings.append(one if tag in (asked, None) and one.language is None else replace(one, language=tag))
    names = {name for one in recordings for name in (one.speaker, one.speaker.rpartition("/")[2])}
    if strangers := sorted(set(speakers) - names):
        rest = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        found.notes.append(f"'{options.speaker_languages}' names '{strangers[0]}'{rest}, who did not record anything")
    if options.language is not None and is_auto(options.language):
        return _detected(recordings, options.language, frontend)
    return recordings


def _most_exact(tags: Sequence[str], accepted: frozenset[str]) -> str | None:
    """The first of the tags, or a later one that says the same language more exactly."""
    if not tags:
        return None
    first = normal_tag(tags[0])
    if "-" not in first or first not in accepted:
        return next((tag for tag in tags[1:] if root(tag) == root(first) and "-" in tag), tags[0])
    return tags[0]


def read_speaker_languages(path: Path) -> Mapping[str, str]:
    """Speaker → tag. A first line `speaker,language` is a heading.

    Raises:
        UserError: the file cannot be read, a line is not two fields, or a speaker is named twice.
    """
    text = read_text(path)
    first = next((line for line in lines_of(text) if line.strip()), "")
    separator = next((one for one in reversed(SEPARATORS) if one in first), ",")
    rows = separated(text, separator, what=str(path), fits=lambda row: True).rows
    found: dict[str, str] = {}
    for place, (number, fields) in enumerate(rows):
        row = [visible(field) for field in fields]
        if place == 0 and [name.casefold() for name in row] == ["speaker", "language"]:
            continue
        if len(row) != 2 or not all(row):
            raise UserError(f"{path}:{number}: expected speaker,language, found {','.join(row)!r}")
        speaker, tag = plain(row[0]), row[1]
        if found.setdefault(speaker, tag) != tag:
            raise UserError(f"{path}:{number}: '{speaker}' is in '{found[speaker]}' and in '{tag}'. Keep one line")
    return found


class _Folders:
    """The tags that `language.txt` gives to folders, each file read once."""

    def __init__(self, source: Path) -> None:
        self._root = os.path.abspath(source if source.is_dir() else source.parent)
        self._known: dict[str, str | None] = {}

    def language(self, audio: Path) -> str | None:
        """Of the nearest folder, up to the source; of audio elsewhere only its own."""
        return self._of(os.path.dirname(os.path.abspath(audio)))

    def _of(self, folder: str) -> str | None:
        if folder not in self._known:
            tag = _folder_tag(folder)
            inside = folder.startswith(self._root + os.sep)
            self._known[folder] = tag or (self._of(os.path.dirname(folder)) if inside else None)
        return self._known[folder]


def _folder_tag(folder: str) -> str | None:
    """What `language.txt` says, unless it is the transcript of a recording of that name."""
    path = Path(folder, FOLDER_FILE)
    try:
        words = path.read_text(encoding="utf-8-sig").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error}). Write one language tag into it"
        ) from error
    if any(path.with_suffix(ending).exists() for ending in SUFFIXES):
        return None
    if len(words) != 1:
        raise UserError(f"'{path}' must hold one language tag, e.g. en-us, got {' '.join(words)[:40]!r}")
    return words[0]


def _detected(recordings: Sequence[Recording], language: str, frontend: Frontend) -> list[Recording]:
    """The recordings with the language that was detected where none was known; None where it is not clear.

    Args:
        recordings: of all speakers; a speaker's language is found over all of their transcripts.
        language: `auto`, or `auto:TAG,TAG` with the candidates.
        frontend: the candidates must be languages it accepts.

    Raises:
        UserError: a candidate that the frontend does not accept.
    """
    accepted = set(frontend.languages())
    candidates = candidates_of(language, [tag for tag in DETECTED if tag in accepted])
    foreign = [tag for tag in candidates if tag not in accepted]
    if foreign or not candidates:
        named = f"'{foreign[0]}' is not a language of the frontend" if foreign else "the frontend knows none of them"
        raise UserError(f"--language {language}: {named}. Choose from {', '.join(sorted(accepted))}")
    texts = {one.id: transcript(one) for one in recordings if one.language is None}
    texts_by_speaker = [(one.speaker, text) for one in recordings if isinstance(text := texts.get(one.id), str)]
    speakers, lines = detect_speakers(texts_by_speaker, candidates)
    return [
        one
        if one.language
        else replace(one, language=speakers.get(one.speaker) or lines.get((one.speaker, str(texts[one.id]))))
        for one in recordings
    ]
