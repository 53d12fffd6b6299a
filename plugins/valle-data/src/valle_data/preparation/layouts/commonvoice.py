"""`commonvoice`: a language's folder of Common Voice, `clips/` beside `validated.tsv`, `train.tsv` and others."""

from __future__ import annotations

import os
from pathlib import Path

from valle_core.plugin import UserError
from valle_data.preparation.layouts.dialect import lines_of
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.rows import column_name, read_text
from valle_data.preparation.layouts.walking import Folder, walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording, plain
from valle_data.preparation.visible import trimmed, visible
from valle_language.tags import normal_tag

LOOKS_FOR = "clips/ beside validated.tsv or train.tsv with columns client_id, path, sentence"

_NEEDED = ("client_id", "path", "sentence")
_DEFAULT = ("validated", "train")


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    tables = [source / f"{name}.tsv" for name in _DEFAULT if (source / f"{name}.tsv").is_file()]
    return (source / "clips").is_dir() and any(set(_NEEDED) <= set(_header(path)) for path in tables)


def find(source: Path, options: PrepareOptions) -> Found:
    """Ids are `{table}/{clip}`, so a table is a group; a clip of several tables belongs to the one named last."""
    found = Found()
    clips = {}
    for folder in walk(source / "clips", found):
        clips |= {folder.id(stem): (folder, name) for stem, name in folder.audio}
    tables = [name.strip() for named in options.tables for name in named.split(",")]
    tables = tables or [name for name in _DEFAULT if (source / f"{name}.tsv").is_file()][:1]
    rows: dict[str, Recording] = {}
    for table in tables:
        for recording in _read(source, table, clips, found):
            name = recording.id.partition("/")[2]
            if name in rows:
                detail = f"'{name}' of {rows[name].id.partition('/')[0]}.tsv is named again in {table}.tsv"
                found.reject(rows[name].id, "named-again", detail)
            rows[name] = recording
    found.recordings = list(rows.values())
    if left := len(clips) - sum(name in rows for name in clips):
        found.notes.append(f"{left} clips are in none of the tables read ({', '.join(tables)})")
    return found


def _read(source: Path, table: str, clips: dict[str, tuple[Folder, str]], found: Found) -> list[Recording]:
    """The usable rows of one table. Its fields are separated by tabs and never quoted."""
    path = source / f"{table.removesuffix('.tsv')}.tsv"
    if not path.is_file():
        there = ", ".join(sorted(name[:-4] for name in os.listdir(source) if name.endswith(".tsv")))
        raise UserError(f"there is no '{path}'. Choose --tables from: {there}")
    header, recordings = _header(path), list[Recording]()
    if missing := [name for name in _NEEDED if name not in header]:
        raise UserError(f"'{path}' has no column {missing[0]}. Expected {', '.join(_NEEDED)}")
    if twice := [name for name in header if header.count(name) > 1]:
        raise UserError(f"'{path}' has two columns {twice[0]}. Rename or remove one of them")
    for number, line in enumerate(lines_of(read_text(path))[1:], start=2):
        if not line.strip():
            continue
        values = [trimmed(value) for value in line.split("\t")]
        row = dict(zip(header, values, strict=False))
        clip = plain(os.path.splitext(row["path"])[0]) if row.get("path") else ""
        id = f"{path.stem}/{clip or number}"
        if len(values) != len(header) or not clip:
            found.reject(id, "bad-line", f"{path.name}:{number} has {len(values)} fields, expected {len(header)}")
        elif not row["client_id"]:
            found.reject(id, "no-speaker", f"{path.name}:{number} has no client_id")
        elif clip not in clips:
            found.reject(id, "no-audio", f"{path.name}:{number} names '{row['path']}': no such file in clips/")
        else:
            folder, name = clips[clip]
            tag = normal_tag(row.get("locale", "")) or None
            recordings.append(
                Recording(
                    id=id,
                    speaker=plain(visible(row["client_id"])),
                    audio=folder.path / name,
                    text=row["sentence"],
                    language=tag,
                )
            )
    return recordings


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return [column_name(name) for name in file.readline().split("\t")]
    except (OSError, UnicodeDecodeError):
        return []
