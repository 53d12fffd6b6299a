"""Which audio file a table means: by its path, without its ending, in other folders or with accents composed anew."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from valle_core.audio.wav import SUFFIXES
from valle_data.audio.reading import UNREADABLE
from valle_data.preparation.layouts.walking import Folder
from valle_data.preparation.recordings import plain
from valle_data.preparation.visible import visible

_ADDRESS = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://")


def is_address(name: str) -> bool:
    """Whether it is an address in a network (`https://…`, `s3://…`) and not a file."""
    return _ADDRESS.match(name) is not None


def may_be_audio(name: str) -> bool:
    """Whether a field of a table can name audio: its ending says so, or it is one word without ending."""
    _, ending = os.path.splitext(name.lower())
    return ending in (*SUFFIXES, *UNREADABLE) or (bool(name) and " " not in name and not ending)


def missing_folder(folder: str) -> str | None:
    """The folder itself if it is not there, or holds nothing; else None."""
    try:
        return None if os.listdir(folder) else folder
    except OSError:
        return folder


def without_ending(name: str) -> str:
    """The name without an ending that audio has."""
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in (*SUFFIXES, *UNREADABLE) else name


class AudioPaths:
    """Finds the files that paths mean, listing each folder once."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, list[str]]] = {}

    def find(self, folder: Path, name: str) -> str | None:
        """The normal path of the file that `name` means in `folder`, or None where there is no such file.

        It is looked for as it is written; else with `\\` for `/`; else under a name that looks the same, or has
        another ending of audio, or one at all, if there is one such file only.
        """
        if name.startswith("file://"):
            name = unquote(name.removeprefix("file://"))
        for written in dict.fromkeys((name, name.replace("\\", "/"))):
            path = os.path.normpath(folder / written)
            if os.path.isfile(path):
                return path
            parent, last = os.path.split(path)
            found = self._listed(parent)
            alike = found.get(_key(last)) or found.get(_key(without_ending(last))) or []
            if len(alike) == 1:
                return os.path.join(parent, alike[0])
        return None

    @staticmethod
    def beside(audio: str, endings: Sequence[str]) -> str | None:
        """The file beside `audio` with the first of these endings, in small or capital letters; None without any."""
        stem, _ = os.path.splitext(audio)
        for ending in (one for name in endings for one in (name, name.upper())):
            if os.path.isfile(f"{stem}{ending}"):
                return f"{stem}{ending}"
        return None

    def _listed(self, folder: str) -> dict[str, list[str]]:
        """Audio of a folder by name and by name without ending, as `_key` spells them."""
        if folder not in self._folders:
            found: dict[str, list[str]] = {}
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            for name in names:
                stem, ending = os.path.splitext(name)
                if ending.lower() in SUFFIXES:
                    for key in {_key(name), _key(stem)}:
                        found.setdefault(key, []).append(name)
            self._folders[folder] = found
        return self._folders[folder]


class AudioNames:
    """Finds the files of a tree that names mean.

    Args:
        folders: all of the tree.
        root: name of the tree's own folder, which may stand in a name, too.
    """

    def __init__(self, folders: Iterable[Folder], root: str) -> None:
        self._root = _key(root).casefold()
        self.files: dict[str, list[Path]] = {}
        self._keys: dict[str, str] = {}
        self._stems: dict[str, list[str]] = {}
        for folder in folders:
            for stem, name in folder.audio:
                id = folder.id(stem)
                self.files.setdefault(id, []).append(folder.path / name)
                if self._keys.setdefault(_key(id), id) == id and len(self.files[id]) == 1:
                    self._stems.setdefault(_key(stem), []).append(id)

    def find(self, name: str) -> str | None:
        """The id of the file: its path from the tree on, without ending. None where none, or more than one, is meant.

        The name may have an ending, folders before it (those of the tree, or those above it on any machine), and `\\`
        between them.
        """
        parts = [part for part in re.split(r"[/\\]", visible(name)) if part not in ("", ".")]
        for first in range(len(parts)):
            if first and _key(parts[first - 1]).casefold() != self._root:
                continue
            key = _key("/".join(parts[first:]))
            for one in (key, without_ending(key)):
                if one in self._keys:
                    return self._keys[one]
        alike = self._stems.get(_key(without_ending(parts[0])), []) if len(parts) == 1 else []
        return alike[0] if len(alike) == 1 else None


def _key(name: str) -> str:
    return plain(visible(name))
