"""`libritts`: LibriTTS and LibriSpeech, `{subset}/{speaker}/{chapter}/`; the subsets are the groups."""

from __future__ import annotations

import os
from pathlib import Path

from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.walking import Folder, walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, plain

LOOKS_FOR = "{subset}/{speaker}/{chapter}/ with *.normalized.txt, *.original.txt or *.trans.txt"

_TEXTS = (".normalized.txt", ".original.txt")
_PROBED = 20


def matches(source: Path) -> bool:
    """Whether the first folders of two or three levels down hold such transcripts."""
    return source.is_dir() and any(
        name.endswith((*_TEXTS, ".trans.txt")) for folder in _chapters(source) for name in os.listdir(folder)
    )


def find(source: Path, options: PrepareOptions) -> Found:
    """A speaker has the same name in every subset. A single subset may be named as the source, too."""
    found = Found()
    for folder in walk(source, found):
        if folder.relative.count("/") not in (1, 2):
            for stem, name in folder.audio:
                detail = f"'{folder.path / name}' lies in no {{subset}}/{{speaker}}/{{chapter}} folder"
                found.reject(folder.id(stem), "no-speaker", detail)
            continue
        texts = _table(folder, found)
        for stem, name in folder.audio:
            files = [file for ending in _TEXTS if (file := folder.file(stem + ending))]
            recording = Recording(
                id=folder.id(stem),
                speaker=folder.relative.split("/")[-2],
                audio=folder.path / name,
                text=None if files else texts.get(plain(stem)),
                text_file=files[0] if files else None,
            )
            found.recordings.append(recording)
        _lonely(folder, texts, found)
    return found


def _chapters(source: Path) -> list[str]:
    """Some folders in which a chapter would lie, of the first subsets and speakers."""
    level, chapters = [str(source)], list[str]()
    for depth in range(3):
        level = [path for folder in level for path in _folders(folder)][:_PROBED]
        chapters += level if depth else []
    return chapters


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _table(folder: Folder, found: Found) -> dict[str, str]:
    """Name → text of a chapter's `.trans.txt`, as LibriSpeech has it.

    It is written in capitals, of which a frontend would spell some (espeak-ng says `IT` letter by letter).
    """
    texts: dict[str, str] = {}
    for name in sorted(folder.names):
        if not name.endswith(".trans.txt"):
            continue
        path = folder.path / folder.names[name]
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            found.reject(
                folder.id(name),
                "bad-transcript",
                f"'{path}' cannot be read ({getattr(error, 'strerror', None) or error})",
            )
            continue
        for line in lines:
            stem, _, text = line.strip().partition(" ")
            if stem:
                texts[plain(stem)] = text.lower() if text.isupper() else text
    return texts


def _lonely(folder: Folder, texts: dict[str, str], found: Found) -> None:
    """Transcripts that no audio belongs to."""
    transcribed = {*texts, *(name[: -len(end)] for name in folder.names for end in _TEXTS if name.endswith(end))}
    for stem in sorted(transcribed - {plain(stem) for stem, _ in folder.audio}):
        found.reject(folder.id(stem), "no-audio", f"'{stem}' has a transcript in '{folder.path}', but no audio")
