"""Where a file may lie: inside the folder that was named, as a file, whatever the files of the folder call it."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def regular(path: Path) -> Path:
    """The path of a file; a link counts as what it points to.

    Raises:
        OSError: there is nothing.
        ValueError: it is a folder, a pipe, a socket or a device, which would be read for ever.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        raise ValueError(f"it is {next((kind for test, kind in _KINDS if test(mode)), 'something else')}, not a file")
    return path


class Inside:
    """The files of one folder by the names that its own files give them. May be carried into another process."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._plain: set[str] = set()  # sub-folders that are no links

    def path(self, location: object) -> Path:
        """Where a file lies.

        Raises:
            OSError: there is nothing.
            ValueError: the name is none, leads out of the folder (by itself or by a link), or is not that of a file.
        """
        if not isinstance(location, str) or not location or "\0" in location:
            raise ValueError(f"{location!r:.80} is not the name of a file")
        parts = PurePosixPath(location).parts
        if location.startswith("/") or ".." in parts:
            raise ValueError(f"'{location:.80}' lies outside of its folder")
        path = self._folder / location
        if self._has_link(parts):
            real, root = os.path.realpath(path), os.path.realpath(self._folder)
            if os.path.commonpath([real, root]) != root:
                raise ValueError(f"'{location:.80}' is a link out of its folder")
        return regular(path)

    def _has_link(self, parts: tuple[str, ...]) -> bool:
        place = self._folder
        for number, part in enumerate(parts, 1):
            place = place / part
            name = str(place)
            if name in self._plain:
                continue
            if stat.S_ISLNK(os.lstat(name).st_mode):
                return True
            if number < len(parts):
                self._plain.add(name)
        return False


def inside(folder: Path, location: object) -> Path:
    """As `Inside.path`, once."""
    return Inside(folder).path(location)
