"""`vctk`: `wav48_silence_trimmed/{speaker}/*_mic1.flac` (0.92) or `wav48/{speaker}/*.wav`, beside `txt/{speaker}/`."""

from __future__ import annotations

import re
from pathlib import Path

from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.walking import walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording

LOOKS_FOR = "txt/ beside wav48_silence_trimmed/ or wav48/"

_AUDIO = ("wav48_silence_trimmed", "wav48")
_MICROPHONE = re.compile(r"_(mic\d+)$")
_ACCENTS = {"English": "en-gb", "British": "en-gb", "American": "en-us", "Scottish": "en-gb-scotland"}
"""Accents of `speaker-info.txt` that a language tag surely means; the others take the language that is given."""


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    return (source / "txt").is_dir() and any((source / name).is_dir() for name in _AUDIO)


def find(source: Path, options: PrepareOptions) -> Found:
    """Ids are `{speaker}/{file}`; of the two microphones `options.microphone` is taken, the other counted."""
    found = Found(languages=_accents(source / "speaker-info.txt"))
    texts: dict[str, str] = {}
    for folder in walk(source / "txt", Found()):
        texts |= {folder.id(stem): str(folder.path / name) for stem, name in folder.texts.items()}
    spoken = set()
    for folder in walk(source / next(name for name in _AUDIO if (source / name).is_dir()), found):
        for stem, name in folder.audio:
            id, microphone = folder.id(stem), _MICROPHONE.search(stem)
            if not folder.relative:
                found.reject(id, "no-speaker", f"'{folder.path / name}' lies in no {{speaker}} folder")
            elif microphone and options.microphone not in (microphone[1], "all"):
                detail = f"'{folder.path / name}' is of another microphone. Take it with --microphone {microphone[1]}"
                found.reject(id, "other-microphone", detail)
            else:
                key = _MICROPHONE.sub("", id)
                spoken.add(key)
                found.recordings.append(
                    Recording(id=id, speaker=folder.relative, audio=folder.path / name, text_file=texts.get(key))
                )
    for key in sorted(set(texts) - spoken):
        found.reject(key, "no-audio", f"'{texts[key]}' has no audio of the microphone asked for ({options.microphone})")
    if len(found.recordings) > len(spoken):
        found.notes.append(
            "both microphones are taken, so each sentence is there twice: hold out whole speakers, "
            "e.g. --held-out-fraction 0 --held-out-groups p225"
        )
    return found


def _accents(path: Path) -> dict[str, str]:
    """Speaker → tag. The older corpus leaves out the `p` of `p225`."""
    try:
        header, *lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        place = header.index("ACCENTS")
    except (OSError, ValueError):
        return {}
    known = {line[0]: _ACCENTS[line[place]] for line in lines if len(line) > place and line[place] in _ACCENTS}
    return {f"p{speaker}" if speaker.isdecimal() else speaker: tag for speaker, tag in known.items()}
