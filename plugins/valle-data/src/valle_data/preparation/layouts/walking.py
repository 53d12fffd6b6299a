"""Going through a tree of recordings once: each folder is listed, no file is opened or asked for its size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from valle_core.audio.wav import SUFFIXES
from valle_data.audio.reading import UNREADABLE
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.recordings import plain

TEXT_ENDINGS = (".txt", ".lab")
"""Of a transcript beside its audio, in the order in which they are looked for; capitals do not matter."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of the tree.

    Attributes:
        path: where it is.
        relative: the same from the source on with `/`, composed (NFC); empty for the source itself.
        audio: (stem, name) of each file that can be read as audio, sorted.
        names: of all its files as `plain` spells them → as they are on disk.
        texts: name without ending as `plain` spells it → name of the transcript.
    """

    path: Path
    relative: str
    audio: list[tuple[str, str]]
    names: dict[str, str]
    texts: dict[str, str]

    def file(self, name: str) -> str | None:
        """Where the file of this name is, however its accents are composed, or None."""
        found = self.names.get(plain(name))
        return f"{self.path}{os.sep}{found}" if found is not None else None

    def transcript(self, stem: str) -> str | None:
        """Where the transcript of this name is, or None."""
        found = self.texts.get(plain(stem))
        return f"{self.path}{os.sep}{found}" if found is not None else None

    def id(self, stem: str) -> str:
        """The path of a file from the source on, without its ending."""
        return f"{self.relative}/{plain(stem)}" if self.relative else plain(stem)


def walk(source: Path, found: Found) -> Iterator[Folder]:
    """All folders from `source` on, sorted; what is hidden (`.name`) is passed over.

    Audio that cannot be read, folders that cannot be listed and links that lead back into themselves are added to
    `found.rejected`.
    """
    waiting: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(str(source), "", frozenset())]
    while waiting:
        path, relative, above = waiting.pop()
        try:
            state = os.stat(path)
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.reject(relative or ".", "unreadable-folder", f"'{path}' cannot be listed: {error.strerror}")
            found.lost[relative] = path
            continue
        here = (state.st_dev, state.st_ino)
        if here in above:
            found.reject(relative, "link-loop", f"'{path}' leads back to a folder that holds it. Remove the link")
            continue
        if not listed:
            found.lost[relative] = path
        names, folders = list[str](), list[str]()
        for entry in listed:
            if not entry.name.startswith("."):
                (folders if _is_folder(entry) else names).append(entry.name)
        folder = Folder(Path(path), relative, [], {plain(name): name for name in names}, _texts(names))
        for name in names:
            stem, _, ending = name.rpartition(".")
            ending = f".{ending.lower()}"
            if ending in SUFFIXES:
                folder.audio.append((stem, name))
            elif "." not in name and os.path.islink(os.path.join(path, name)):  # a folder it leads to is not there
                found.lost[f"{relative}/{plain(name)}" if relative else plain(name)] = os.path.join(path, name)
            elif ending in UNREADABLE:
                detail = f"'{path}/{name}': {ending} is not read. Convert it to wav or flac"
                found.reject(folder.id(name), "unsupported", detail)
        yield folder
        for name in reversed(folders):
            below = f"{relative}/{plain(name)}" if relative else plain(name)
            waiting.append((os.path.join(path, name), below, above | {here}))


def _texts(names: list[str]) -> dict[str, str]:
    """The first of each stem in the order of `TEXT_ENDINGS`, small letters before capitals."""
    found: dict[str, tuple[tuple[int, bool], str]] = {}
    for name in names:
        stem, _, ending = name.rpartition(".")
        if (small := f".{ending.lower()}") in TEXT_ENDINGS:
            rank = (TEXT_ENDINGS.index(small), not ending.islower())
            found[plain(stem)] = min(found.get(plain(stem), (rank, name)), (rank, name))
    return {stem: name for stem, (_, name) in found.items()}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
