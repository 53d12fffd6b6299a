"""From what the user calls a plugin to the distribution that an installer knows."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from valle_cli.checkout import PUBLISHED, is_ours, needed, place_of, source_of
from valle_cli.installed import Installed
from valle_cli.known import KNOWN
from valle_core.plugin import UserError
from valle_core.registry.scan import normalise

OURS = ("valle-core", "valle")
"""What every plugin stands on; never removed by `valle` itself."""

_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*(?<![._-]))(\[[A-Za-z0-9._,\s-]*\])?\s*((?:[=<>!~]=?=?).+)?$")


@dataclass(frozen=True, slots=True)
class Target:
    """What to hand to an installer.

    Attributes:
        requirement: as pip reads it.
        distribution: name in the form that compares, or "" where only the installer can tell.
        editable: whether it is installed in editable mode, asked for or not.
        stranger: neither a plugin that valle knows nor installed, so whoever owns the name on an index is let in.
    """

    requirement: str
    distribution: str
    editable: bool = False
    stranger: bool = False


def to_install(word: str, there: Sequence[Installed]) -> list[Target]:
    """`mamba`, `valle-mamba==0.1.0`, `./acme-thing`, `thing-1.0-py3-none-any.whl` or an address.

    The name of a plugin means its distribution; a name that no plugin has is handed on as a distribution, unless it
    looks like a slip of the pen. One of ours comes from the checkout that valle was installed from, with those of ours
    that it needs; with a version it is handed on.

    Raises:
        UserError: a path where nothing is, a name that several distributions provide, one that is nearly a plugin's,
            one of ours where there is no checkout, or no name at all.
    """
    if "://" in word:
        name, at, _ = word.partition("@")
        return [Target(word, normalise(name.strip()) if at and "://" not in name else "")]
    if os.sep in word or word.startswith(".") or word.endswith((".whl", ".tar.gz", ".zip")):
        return [_path(Path(word))]
    match = _NAME.match(word.partition(":")[0] if ":" in word else word)
    if match is None:
        raise UserError(f"'{word}' names no plugin, distribution, folder or wheel. Try: valle plugins install mamba")
    name, extras, version = match[1], match[2] or "", match[3] or ""
    home = name if ":" in word else _home(name, there, "install")
    if not home and not version:
        _refuse_slip(name, there)
    home = home or name
    if is_ours(home) and not version:
        return _ours(normalise(home), extras, there)
    known = is_ours(home) or any(found.key == normalise(home) for found in there)
    return [Target(f"{home}{extras}{version}", normalise(home), stranger=not known)]


def to_uninstall(word: str, there: Sequence[Installed]) -> Installed:
    """The installed distribution meant by `mamba`, `valle-mamba` or `valle-mamba:mamba`; looks at metadata only.

    Raises:
        UserError: it is not installed, announces no plugin, is part of valle itself, or is not the only one.
    """
    home = _home(word.partition(":")[0], there, "uninstall") or word.partition(":")[0]
    key = normalise(home)
    if key in OURS:
        raise UserError(f"{key} is valle itself, which every plugin needs. To remove it use pip: pip uninstall {key}")
    for found in there:
        if found.key == key:
            if found.announced or key in KNOWN:
                return found
            raise UserError(f"{found.name} {found.version} announces no plugin. To remove it use pip itself")
    if key in KNOWN:
        raise UserError(f"{key} is not installed, so there is nothing to remove")
    names = {entry.name for found in there for entry in found.announced}
    near = difflib.get_close_matches(word, [*names, *(found.name for found in there if found.announced)], n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise UserError(f"no installed plugin or distribution is called '{word}'.{hint} See: valle list-plugins")


def _home(name: str, there: Sequence[Installed], action: str) -> str:
    """The distribution behind the name of a plugin, "" where none has it. A distribution's own name comes first."""
    if normalise(name) in KNOWN or any(found.announced and found.key == normalise(name) for found in there):
        return name
    homes = {found.key: found.name for found in there for entry in found.announced if entry.name == name}
    if not homes:
        homes = {home: home for home, kinds in KNOWN.items() if any(name in names for names in kinds.values())}
    if len(homes) > 1:
        owners = " and ".join(sorted(homes.values()))
        pick = sorted(homes.values())[0]
        raise UserError(f"'{name}' is provided by {owners}. Choose one: valle plugins {action} {pick}")
    return next(iter(homes.values()), "")


def _ours(home: str, extras: str, there: Sequence[Installed]) -> list[Target]:
    """The folder of a distribution of ours, and of those it needs; from an index the version that this valle has."""
    source = source_of(home, there)
    if source is None and PUBLISHED:
        version = next((found.version for found in there if found.key == "valle"), "")
        return [Target(f"{home}{extras}{f'=={version}' if version else ''}", home)]
    if source is None:
        raise UserError(
            f"{home} is not published yet, and valle was not installed from a checkout that holds it. In a checkout of "
            f"valle: valle plugins install ./{place_of(home)}. From an index of your own: "
            f"valle plugins install '{home}>=0'"
        )
    first = Target(f"{source.folder}{extras}", home, source.editable)
    return [first, *(Target(str(one.folder), "", one.editable) for one in needed(source, there))]


def _refuse_slip(name: str, there: Sequence[Installed]) -> None:
    names = {entry.name for found in there for entry in found.announced} | {*KNOWN}
    names |= {word for kinds in KNOWN.values() for group in kinds.values() for word in group}
    if near := difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.75):
        raise UserError(
            f"no plugin is called '{name}'. Did you mean '{near[0]}'? If there is a distribution of that very name, "
            f"say so with a version: valle plugins install '{name}>=0'"
        )


def _path(path: Path) -> Target:
    if not path.exists():
        raise UserError(f"there is no {path}. Give a folder with a pyproject.toml, a wheel, or the name of a plugin")
    if path.suffix == ".whl":
        return Target(str(path), normalise(path.name.partition("-")[0]))
    name = ""
    if path.is_dir():
        try:
            name = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
        except FileNotFoundError:
            if not (path / "setup.py").exists():
                raise UserError(f"{path} has no pyproject.toml, so it is not a distribution") from None
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the installer says what is wrong with it
    return Target(str(path), normalise(name) if isinstance(name, str) else "")
