"""Tables of speech that was made already: JSON lines, CSV or TSV, or a folder of wav files with texts beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading import json_text
from valle_eval.sentences import Sentence, check_sentences

FILES = ("audio", "reference", "source", "voice")
TEXTS = ("id", "text", "language", "voice_text", "group")
COLUMNS = (*FILES, *TEXTS, "making", "ended")
OTHER_NAMES = {"path": "audio", "wav": "audio", "prompt": "voice", "prompt_text": "voice_text", "transcript": "text",
               "sentence": "text", "original": "reference", "stopped": "ended"}  # fmt: skip
"""Names that columns have elsewhere; a column that is neither is left alone."""

SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".opus")


def read_table(path: Path, language: str, *, needs_audio: bool = True) -> list[Sentence]:
    """The sentences of a table or folder; files are looked for beside the table. `language` is where none is named.

    Raises:
        UserError: what is wrong, with its line; nothing outside the named paths is read.
    """
    if path.is_dir():
        sentences = list(_of_folder(path, language))
        check_sentences(sentences, f"folder '{path}'")
        return sentences
    rows = _rows(path)
    sentences = [_sentence(row, number, path, language) for number, row in rows]
    if needs_audio and (silent := [one.id for one in sentences if one.audio is None]):
        raise UserError(f"'{path}': sentence '{silent[0]}' has no audio. Give the columns audio and text")
    check_sentences(sentences, f"'{path}'")
    return sentences


def _of_folder(folder: Path, language: str) -> Iterator[Sentence]:
    """`NAME.wav` with `NAME.txt` beside it, at any depth."""
    for audio in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS and path.is_file()):
        beside = audio.with_suffix(".txt")
        if not beside.is_file():
            raise UserError(f"'{audio}' has no text beside it. Write it into '{beside.name}', or give a table")
        name = audio.relative_to(folder).with_suffix("").as_posix()
        yield Sentence(id=name, text=_text(beside).strip(), language=language, audio=audio)


def _text(path: Path) -> str:
    try:
        return json_text.read_bytes(path).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' cannot be read ({why}). Give an existing UTF-8 text file") from error


def _rows(path: Path) -> list[tuple[int, Mapping[str, Any]]]:
    """Line number and columns of each row, by the names of `COLUMNS`."""
    text = _text(path)
    if path.suffix.lower() in (".jsonl", ".json"):
        found = list(_of_json_lines(text, path))
    elif path.suffix.lower() in (".csv", ".tsv"):
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        reader = csv.DictReader(StringIO(text), delimiter=separator, strict=True)
        try:
            found = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise UserError(f"'{path}', line {reader.line_num}: {error}. Write it as CSV (RFC 4180)") from error
    else:
        raise UserError(f"'{path}' is not a table. Give a .jsonl, .csv or .tsv file, or a folder of wav and txt files")
    return [(number, _named(row)) for number, row in found]


def _of_json_lines(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json_text.loads(line)
        except ValueError as error:
            raise UserError(f"'{path}', line {number} is not JSON ({error})") from error
        if not isinstance(row, dict):
            raise UserError(f'\'{path}\', line {number} must be an object like {{"audio": …, "text": …}}')
        yield number, row


def _named(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns that are known, by our names; a column of our name goes before another name for it."""
    named = {OTHER_NAMES[key]: value for key, value in row.items() if key in OTHER_NAMES}
    return named | {key: value for key, value in row.items() if key in COLUMNS}


def _sentence(row: Mapping[str, Any], number: int, path: Path, language: str) -> Sentence:
    where = f"'{path}', line {number}"
    for name in (*FILES, *TEXTS):
        if not isinstance(row.get(name) or "", str):
            raise UserError(f"{where}: {name} must be text, got {row[name]!r:.60}")
    if not row.get("text"):
        raise UserError(f"{where} has no text. Give the columns audio and text")
    files = {name: path.parent / row[name] for name in FILES if row.get(name)}
    if "source" in files:
        files.setdefault("reference", files["source"])
    default = files["audio"].stem if "audio" in files else str(number)
    return Sentence(
        id=row.get("id") or default,
        text=row["text"],
        language=row.get("language") or language,
        voice_text=row.get("voice_text") or "",
        group=row.get("group") or "",
        making=_number(row.get("making"), where),
        ended=_truth(row.get("ended"), where),
        **files,
    )


def _number(value: Any, where: str) -> float | None:
    if value in (None, ""):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{where}: making must be seconds, got {value!r:.60}") from None
    if not 0 <= seconds < float("inf"):
        raise UserError(f"{where}: making must be in [0, inf), got {value!r:.60}")
    return seconds


def _truth(value: Any, where: str) -> bool | None:
    if value in (None, ""):
        return None
    word = str(value).lower()
    if word not in ("true", "false", "1", "0"):
        raise UserError(f"{where}: ended must be true or false, got {value!r:.60}")
    return word in ("true", "1")
