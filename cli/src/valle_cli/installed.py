"""What lies in the metadata folders on `sys.path`, those a scan passes over included."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from valle_core.registry.kinds import ROWS
from valle_core.registry.scan import SUFFIXES, Found, normalise, parse


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """One metadata folder of one distribution.

    Attributes:
        name: as its METADATA writes it, else as the folder is called.
        version: likewise.
        folder: the `.dist-info` or `.egg-info` folder.
        announced: its entry points in groups that start with `valle.`.
    """

    name: str
    version: str
    folder: Path
    announced: tuple[Found, ...]

    @property
    def key(self) -> str:
        """The name in the form that compares."""
        return normalise(self.name)

    @property
    def source(self) -> Path | None:
        """The folder it was installed from in editable mode, or None."""
        return self.origin if self._dir_info().get("editable") is True else None

    @property
    def origin(self) -> Path | None:
        """The folder it was installed from, in editable mode or not, or None."""
        try:
            url = urlsplit(json.loads(_text(self.folder / "direct_url.json"))["url"])
            return Path(url2pathname(url.path)) if url.scheme == "file" else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def _dir_info(self) -> dict[str, object]:
        try:
            found = json.loads(_text(self.folder / "direct_url.json"))["dir_info"]
        except (ValueError, KeyError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def removable(self) -> bool:
        """Whether an installer finds the list of files it needs to uninstall it."""
        return (self.folder / "RECORD").is_file() or (self.folder / "installed-files.txt").is_file()

    def home_page(self) -> str:
        """The address its metadata gives first, or ""."""
        header = _header(self.folder)
        urls = [value.partition(",")[2].strip() for value in header.get_all("Project-URL") or ()]
        return header.get("Home-page", "") or next(iter(urls), "")


def installed(path: Sequence[str] | None = None) -> Iterator[Installed]:
    """Every metadata folder in the folders of `path` (default `sys.path`), in that order; archives are left out."""
    for entry in dict.fromkeys(sys.path if path is None else path):
        try:
            children = sorted(os.listdir(entry or "."))
        except OSError:
            continue
        for child in children:
            if child.endswith(SUFFIXES) and (folder := Path(entry or ".") / child).is_dir():
                yield _read(folder)


def installed_named(name: str) -> Installed | None:
    """The metadata of a distribution that counts: the first on `sys.path`."""
    return next((found for found in installed() if found.key == normalise(name)), None)


def _read(folder: Path) -> Installed:
    stem, _, version = folder.stem.partition("-")
    header = _header(folder)
    name, version = header.get("Name", "") or stem, header.get("Version", "") or version
    announced = tuple(parse(_text(folder / "entry_points.txt"), name, version))
    return Installed(name=name, version=version, folder=folder, announced=announced)


def _header(folder: Path):
    text = _text(folder / "METADATA") or _text(folder / "PKG-INFO")
    return HeaderParser().parsestr(text, headersonly=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def announced_as(group: str, name: str) -> str:
    """An entry point as messages write it: `arch 'retnet'`."""
    word = next((row.name for row in ROWS if row.group == group), group.removeprefix("valle."))
    return f"{word} '{name}'"
