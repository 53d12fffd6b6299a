"""`ljspeech`: `metadata.csv` with lines `name|text`, perhaps with more columns, beside `wavs/`.

A first line may name the columns. Where it does not, `name|text|normalised text` is told from lines that hold a speaker
or a language by what the columns hold (see `roles.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_core.plugin import UserError
from valle_data.preparation.layouts.dialect import SEPARATORS, Fields, fields_of, lines_of, separated
from valle_data.preparation.layouts.doubts import alike_speakers
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.naming import AudioNames
from valle_data.preparation.layouts.roles import Roles, roles_of
from valle_data.preparation.layouts.rows import column_name, read_text
from valle_data.preparation.layouts.walking import walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, plain
from valle_data.preparation.visible import visible
from valle_language.tags import normal_tag

LOOKS_FOR = "metadata.csv beside wavs/"

_METADATA = "metadata.csv"
_HEADINGS = {
    "name": {"name", "id", "file", "audio", "path", "wav", "file_name", "filename", "audio_file", "audio_path"},
    "text": {"text", "transcript", "transcription", "sentence", "raw_text"},
    "spoken": {"normalised text", "normalized text", "normalised_text", "normalized_text", "text_normalized"},
    "speaker": {"speaker", "speaker_name", "speaker_id", "spk"},
    "language": {"language", "lang"},
}
"""Role → names that a first line may give the column."""


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    return (source / _METADATA).is_file() and (source / "wavs").is_dir()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Metadata:
    """The rows of `metadata.csv`, the place of the name in each, and what the other columns hold."""

    rows: Sequence[Fields]
    width: int
    name: int
    roles: Roles


def find(source: Path, options: PrepareOptions) -> Found:
    """The speaker is named like the folder where no column names one; the normalised text is taken where there is one.

    Raises:
        UserError: it is not clear what the columns hold.
    """
    found, speaker = Found(), plain(source.resolve().name)
    audio = AudioNames(walk(source / "wavs", found), "wavs")
    for id, files in audio.files.items():
        for path in files[1:]:
            found.reject(f"{id}{path.suffix}", "same-name", f"'{path}' has the name of '{files[0]}'")
    metadata = _read(source / _METADATA, audio, found)
    named = set()
    for number, fields in metadata.rows:
        name = visible(fields[metadata.name]) if metadata.name < len(fields) else ""
        where = f"{_METADATA}:{number}"
        id, others = audio.find(name), [field for at, field in enumerate(fields) if at != metadata.name]
        why = _misfit(fields, metadata)
        if why or id is None:
            reason = "bad-line" if why else "no-audio"
            found.reject(name or where, reason, f"{where} names '{name}': {why or 'no such file in wavs/'}")
        elif id in named:
            found.reject(f"{id}:{number}", "same-name", f"{where} names '{name}' again")
        else:
            found.recordings.append(_recording(id, audio.files[id][0], others, metadata.roles, speaker))
        named.add(id)
    for id in sorted(set(audio.files) - named):
        found.reject(id, "no-transcript", f"'{audio.files[id][0]}' has no line in {_METADATA}")
    found.notes += [note] if (note := alike_speakers(found.recordings)) else []
    return found


def _recording(id: str, audio: Path, fields: Sequence[str], roles: Roles, speaker: str) -> Recording:
    """A row as a recording."""

    def field(place: int | None) -> str:
        return fields[place] if place is not None and place < len(fields) else ""

    return Recording(
        id=id,
        speaker=plain(visible(field(roles.speaker))) or speaker,
        audio=audio,
        text=field(roles.spoken) or field(roles.text),
        language=normal_tag(visible(field(roles.language))) or None,
    )


def _misfit(fields: Sequence[str], metadata: _Metadata) -> str:
    """What is wrong with the number of the fields of a row, or with one that must not be empty; else ""."""
    if len(fields) < 2:
        return "no transcript"
    if len(fields) > metadata.width:
        return f"{len(fields)} fields, expected {metadata.width}"
    others = [field for at, field in enumerate(fields) if at != metadata.name]
    for place, what in ((metadata.roles.speaker, "speaker"), (metadata.roles.language, "language")):
        if place is not None and (place >= len(others) or not others[place]):
            return f"no {what}"
    return ""


def _read(path: Path, audio: AudioNames, found: Found) -> _Metadata:
    """The rows and what their columns hold; what was guessed is noted with two rows as examples."""
    text = read_text(path)
    separator = _separator(text, audio)
    lines = separated(text, separator, what=str(path), fits=lambda row: any(audio.find(field) for field in row))
    if lines.letters and separator != "|":
        found.notes.append(f"the quotes of '{path.name}' do not pair up: they are taken as letters")
    rows = lines.rows
    heading = _heading(rows[0][1], audio) if rows else None
    if heading is not None:
        return _headed(path, rows, heading, found)
    widths = Counter(len(fields) for _, fields in rows if len(fields) > 1)
    width = max(widths, key=lambda width: (widths[width], width), default=2)
    fitting = [[visible(field) for field in fields] for _, fields in rows if len(fields) == width]
    roles = roles_of([fields[1:] for fields in fitting]) if fitting else Roles(text=0)
    if isinstance(roles, str):
        raise UserError(
            f"'{path}': it is not clear what the columns hold ({roles}), e.g. {_example(fitting, separator)}. "
            f"Write a first line that names them, e.g. {separator.join(('name', 'text', 'speaker'))}"
        )
    if roles.unsure:
        taken = f"'{path.name}' is read as name|{roles} ({roles.unsure}), e.g. {_example(fitting, separator)}"
        found.notes.append(f"{taken}. If it is not, write a first line that names the columns")
    return _Metadata(rows=rows, width=width, name=0, roles=roles)


def _headed(path: Path, rows: Sequence[Fields], heading: dict[str, int], found: Found) -> _Metadata:
    """The rows below a line that names the columns."""
    names, place = rows[0][1], heading["name"]
    if unused := [name for at, name in enumerate(names) if at not in heading.values() and name]:
        found.notes.append(f"columns not used: {', '.join(unused)}")
    texts = {role: at - (at > place) for role, at in heading.items() if role != "name"}
    roles = Roles(
        text=texts.get("text", texts.get("spoken", 0)),
        spoken=texts.get("spoken"),
        speaker=texts.get("speaker"),
        language=texts.get("language"),
    )
    return _Metadata(rows=rows[1:], width=len(names), name=place, roles=roles)


def _heading(fields: Sequence[str], audio: AudioNames) -> dict[str, int] | None:
    """Role → place where the first line names its columns, else None. Raises `UserError` where two have one role."""
    names = [column_name(field) for field in fields]
    places = {role: [at for at, name in enumerate(names) if name in known] for role, known in _HEADINGS.items()}
    if not places["name"] or not (places["text"] or places["spoken"]) or audio.find(fields[places["name"][0]]):
        return None
    if twice := next((role for role, at in places.items() if len(at) > 1), None):
        two = " and ".join(repr(names[at]) for at in places[twice][:2])
        raise UserError(f"{_METADATA}: columns {two} both name the {twice}. Rename or remove one of them")
    return {role: at[0] for role, at in places.items() if at}


def _separator(text: str, audio: AudioNames) -> str:
    """What stands behind most names of files; `|` where it makes no difference."""
    lines = [line for line in lines_of(text) if line.strip()][:_PROBED]

    def named(separator: str) -> int:
        rows = [fields_of(line, separator) for line in lines if separator in line]
        return sum(any(audio.find(field) for field in fields) for fields in rows)

    return max(SEPARATORS, key=named)


_PROBED = 200  # lines


def _example(rows: Sequence[Sequence[str]], separator: str) -> str:
    """Two rows that differ, for a message."""
    first = rows[0]
    second = next((row for row in rows if row[1:] != first[1:]), rows[-1])
    return " and ".join(repr(separator.join(field[:40] for field in row)) for row in (first, second))
