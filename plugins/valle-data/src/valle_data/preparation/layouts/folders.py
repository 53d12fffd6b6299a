"""`folders`: `{group}/{speaker}/*.wav` or `{speaker}/*.wav` with a `.txt`, and perhaps a `.json`, beside each."""

from __future__ import annotations

from pathlib import Path

from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.walking import walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording

LOOKS_FOR = "{group}/{speaker}/*.wav or {speaker}/*.wav with .txt beside"


def matches(source: Path) -> bool:
    """Any folder, so that it is asked last."""
    return source.is_dir()


def find(source: Path, options: PrepareOptions) -> Found:
    """The folder of a recording is its speaker; deeper or higher ones have none."""
    found = Found()
    for folder in walk(source, found):
        for stem, name in folder.audio:
            path, id = folder.path / name, folder.id(stem)
            if not folder.relative or folder.relative.count("/") > 1:
                detail = f"'{path}' lies in no {{speaker}} or {{group}}/{{speaker}} folder. Move it into one"
                found.reject(id, "no-speaker", detail)
                continue
            found.recordings.append(
                Recording(
                    id=id,
                    speaker=folder.relative,
                    audio=path,
                    text_file=folder.transcript(stem),
                    facts_file=folder.file(f"{stem}.json"),
                )
            )
    return found
