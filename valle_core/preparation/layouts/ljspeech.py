"""`ljspeech`: `metadata.csv` with lines `name|text|normalised text` beside `wavs/`; one speaker."""

from __future__ import annotations

from pathlib import Path

from valle_core.plugin import UserError
from valle_core.preparation.layouts.layout import Found
from valle_core.preparation.layouts.walking import walk
from valle_core.preparation.options import PrepareOptions
from valle_core.preparation.recordings import Recording, plain

LOOKS_FOR = "metadata.csv beside wavs/"


def matches(source: Path) -> bool:
    """See `LOOKS_FOR`."""
    return (source / "metadata.csv").is_file() and (source / "wavs").is_dir()


def find(source: Path, options: PrepareOptions) -> Found:
    """The speaker is named like the folder; the normalised text is taken where there is one."""
    found, speaker = Found(), plain(source.resolve().name)
    files: dict[str, Path] = {}
    for folder in walk(source / "wavs", found):
        for stem, name in folder.audio:
            if files.setdefault(plain(stem), folder.path / name) != folder.path / name:
                found.reject(name, "same-name", f"'{folder.path / name}' has the name of '{files[plain(stem)]}'")
    named = set()
    for number, line in enumerate(_lines(source / "metadata.csv"), start=1):
        if not line.strip():
            continue
        name, *texts = line.split("|")
        name = plain(name)
        if not texts or name not in files:
            reason = "no-audio" if texts else "bad-line"
            why = "no such file in wavs/" if texts else "no transcript"
            found.reject(name, reason, f"metadata.csv:{number} names '{name}': {why}")
        elif name in named:
            found.reject(f"{name}:{number}", "same-name", f"metadata.csv:{number} names '{name}' again")
        else:
            text = next((text for text in reversed(texts) if text.strip()), "")
            found.recordings.append(Recording(id=name, speaker=speaker, audio=files[name], text=text.strip()))
        named.add(name)
    for name in sorted(set(files) - named):
        found.reject(name, "no-transcript", f"'{files[name]}' has no line in metadata.csv")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 ({error.reason}). Convert it") from error
