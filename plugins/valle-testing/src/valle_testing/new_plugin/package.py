"""Makes a plugin package from the templates: names are checked and put in, nothing is evaluated."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from valle_core.plugin import Kind, UserError
from valle_testing.kinds import every_kind
from valle_testing.new_plugin.names import Names

TEMPLATES = Path(__file__).parents[1] / "templates"
SHARED = "shared"
"""Folder of what every package has; a file of the kind's own folder with the same path replaces it."""

FRAGMENTS = {"about.md": "<!-- about -->\n", "files.md": "<!-- files -->\n"}
"""Files of a kind's folder that are put into the shared README, and the line they replace."""

RENAMED = {"gitignore": ".gitignore", "project.toml": "pyproject.toml"}
"""Under their own names, git, the wheel builder and installers would obey them here already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """What was made.

    Attributes:
        folder: where it stands.
        files: in it, as relative paths, sorted.
    """

    folder: Path
    files: tuple[str, ...]


def kinds_with_templates() -> list[str]:
    """Names of the kinds that say where their template lies."""
    return sorted(row.name for row in every_kind() if row.template)


def template_of(row: Kind) -> Path:
    """The folder `"package:folder"` of a kind. Raises `UserError` where it has none, or the folder is not there."""
    package, _, folder = row.template.partition(":")
    if not row.template:
        raise UserError(f"kind '{row.name}' has no template. Kinds with one: {', '.join(kinds_with_templates())}")
    place = Path(str(files(package))) / folder
    if not place.is_dir():
        raise UserError(f"the template of kind '{row.name}' is not there: {row.template}. Reinstall {package}")
    return place


def make(row: Kind, names: Names, into: Path) -> Package:
    """The package of a kind in the folder `into/DISTRIBUTION`, whole or not at all.

    Raises:
        UserError: the folder is there already, or cannot be written.
    """
    folder = into / names.distribution
    if os.path.lexists(folder):
        raise UserError(f"'{folder}' exists already. Choose another folder with --into, or another NAME")
    texts = dict(rendered(row, names))
    part = into / f".{names.distribution}.{os.getpid()}.tmp"
    try:
        for name, text in texts.items():
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        os.rename(part, folder)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise UserError(f"'{folder}' appeared meanwhile. Choose another folder with --into") from error
        raise UserError(f"cannot write '{folder}': {error.strerror}. Choose another folder with --into") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Package(folder=folder, files=tuple(sorted(texts)))


def rendered(row: Kind, names: Names) -> Iterator[tuple[str, str]]:
    """Path and text of every file of the package."""
    filled = _filler(row, names)
    own = template_of(row)
    sources = _files(TEMPLATES / SHARED) | _files(own)
    check = f"valle plugins check {names.name}\n" if row.suite else ""
    readme = {line: sources.pop(name).read_text(encoding="utf-8") for name, line in FRAGMENTS.items()}
    readme["<!-- check -->\n"] = check
    for name, path in sources.items():
        text = path.read_text(encoding="utf-8")
        if name == "README.md":
            for line, fragment in readme.items():
                text = text.replace(line, fragment)
        yield RENAMED.get(name, filled(name)), filled(text)


def _files(folder: Path) -> dict[str, Path]:
    """Files by relative path; an installed template may have been compiled, which leaves a `__pycache__`."""
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _filler(row: Kind, names: Names) -> Callable[[str], str]:
    """Replaces the words of the templates in one pass, so that no name is taken for one of them."""
    words: Mapping[str, str] = {
        "acme-distribution": names.distribution,
        "acme_package": names.package,
        "acme-name": names.name,
        "acme_identifier": names.identifier,
        "AcmeName": names.camel,
        "acme-group": row.group,
        "acme-kind": row.name,
    }
    pattern = re.compile("|".join(map(re.escape, words)))
    return lambda text: pattern.sub(lambda found: words[found[0]], text)
