"""What a built sdist and a built wheel must hold: all files of the packages, types, licence and what goes with it."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from email.parser import Parser
from pathlib import Path, PurePosixPath

from release.metadata import project_of


def packages_of(folder: Path) -> list[str]:
    """The folders of the packages that a wheel holds, relative to the distribution's own."""
    table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return table["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def stem_of(folder: Path) -> str:
    """`valle_core-0.1.0`, with which the names of its archives begin."""
    project = project_of(folder)
    return f"{project['name'].replace('-', '_')}-{project['version']}"


def complaints_about_sdist(names: Iterable[str], folder: Path, tracked: Iterable[str]) -> list[str]:
    """What an sdist with files of these names lacks, or holds of another distribution.

    `tracked` are the files of the folder that git knows.
    """
    stem, there, packages = stem_of(folder), set(names), packages_of(folder)
    wanted = {"pyproject.toml", project_of(folder)["readme"], "PKG-INFO", *project_of(folder)["license-files"]}
    wanted |= {one for one in tracked if any(one.startswith(f"{package}/") for package in packages)}
    lacking = sorted(one for one in wanted if f"{stem}/{one}" not in there)
    strange = sorted(one for one in there if re.match(rf"{re.escape(stem)}/(plugins|cli|benchmarks)/", one))
    return [f"{stem}.tar.gz lacks {one}" for one in lacking] + [
        f"{stem}.tar.gz holds {one.removeprefix(f'{stem}/')} of another distribution" for one in strange
    ]


def complaints_about_wheel(names: Iterable[str], folder: Path, tracked: Iterable[str]) -> list[str]:
    """What a wheel with files of these names lacks, and what it should not hold."""
    stem, there = stem_of(folder), set(names)
    info = f"{stem}.dist-info"
    wanted = {f"{info}/METADATA", *(f"{info}/licenses/{one}" for one in project_of(folder)["license-files"])}
    tops = set()
    for package in packages_of(folder):
        tops.add(PurePosixPath(package).name)
        parent = f"{PurePosixPath(package).parent}/".removeprefix("./")
        wanted |= {one.removeprefix(parent) for one in tracked if one.startswith(f"{package}/")}
        wanted.add(f"{PurePosixPath(package).name}/py.typed")
    odd = sorted(one for one in there if one.split("/")[0] not in {*tops, info} or "__pycache__" in one)
    lacking = sorted(wanted - there)
    return [f"{stem}: the wheel lacks {one}" for one in lacking] + [f"{stem}: the wheel holds {one}" for one in odd]


def complaints_about_metadata(text: str, folder: Path) -> list[str]:
    """Where the METADATA of a wheel is not what pyproject.toml says."""
    project, says = project_of(folder), Parser().parsestr(text)
    wanted = {"Name": project["name"], "Version": project["version"], "License-Expression": project["license"]}
    return [
        f"{stem_of(folder)}: METADATA says {key} {says.get(key)!r}, expected {value!r}"
        for key, value in wanted.items()
        if says.get(key) != value
    ]


def complaints(folder: Path, dist: Path, tracked: Iterable[str]) -> list[str]:
    """What is wrong with the sdist and the wheel of a folder, as they lie in `dist`."""
    stem, tracked = stem_of(folder), list(tracked)
    sdist, wheel = dist / f"{stem}.tar.gz", dist / f"{stem}-py3-none-any.whl"
    if missing := [path.name for path in (sdist, wheel) if not path.is_file()]:
        return [f"{name} was not built" for name in missing]
    with tarfile.open(sdist) as archive:
        found = complaints_about_sdist([one.name for one in archive if one.isfile()], folder, tracked)
    with zipfile.ZipFile(wheel) as archive:
        found += complaints_about_wheel(archive.namelist(), folder, tracked)
        found += complaints_about_metadata(archive.read(f"{stem}.dist-info/METADATA").decode(), folder)
    return found
