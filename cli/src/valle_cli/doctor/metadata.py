"""Metadata that is doubled, stale, or left behind by what was deleted."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from valle_cli.doctor.finding import Finding
from valle_cli.installed import Installed, announced_as
from valle_cli.known import KNOWN
from valle_core.registry.loading import is_importable
from valle_core.registry.scan import Found, parse

OURS = frozenset({"valle-core", "valle", *KNOWN})


def metadata_findings(folders: Sequence[Installed]) -> Iterator[Finding]:
    """About the distributions that announce plugins, and ours."""
    of_plugins = {found.key for found in folders if found.announced} | OURS
    groups: dict[str, list[Installed]] = {}
    for found in folders:
        groups.setdefault(found.key, []).append(found)
    ours = [copies for name, copies in groups.items() if name in of_plugins]
    yield from _doubled(ours)
    for copies in ours:
        yield from _left_behind(copies[0])
    for copies in groups.values():
        yield from _stale(copies[0])
        yield from _unreadable(copies[0])


def _doubled(groups: Sequence[Sequence[Installed]]) -> Iterator[Finding]:
    """Twice in one folder is what an interrupted install leaves; in two folders, the first on `sys.path` counts."""
    apart: dict[tuple[Path, Path], list[str]] = {}
    for first, *others in groups:
        for other in others:
            here, there = first.folder.parent.resolve(), other.folder.parent.resolve()
            if here == there and first.folder.name == other.folder.name:
                continue  # one folder under two names, as lib and lib64 are
            if here == there:
                yield Finding(
                    severity="problem",
                    subject=first.name,
                    text=f"is there twice: {first.folder.name} and {other.folder.name} in {here}",
                    hint=f"valle plugins uninstall {first.name} until it is gone, then install it again",
                )
            else:
                apart.setdefault((here, there), []).append(first.name)
    for (here, there), names in apart.items():
        yield Finding(
            severity="warning",
            subject=", ".join(names),
            text=f"installed in two places: what is in {here} counts, what is in {there} does not",
            hint="uninstall one of them",
        )


def _left_behind(found: Installed) -> Iterator[Finding]:
    modules = {entry.value.partition(":")[0].strip() for entry in found.announced}
    modules = {module for module in modules if all(map(str.isidentifier, module.split(".")))}  # others are malformed
    gone = sorted(module for module in modules if not is_importable(module))
    if not gone:
        return
    every = "none of its modules is there" if len(gone) == len(modules) else "not all of its modules are there"
    yield Finding(
        severity="problem",
        subject=f"{found.name} {found.version}",
        text=f"{every}: {', '.join(gone)} cannot be found",
        hint=f"valle plugins uninstall {found.name}" if found.removable else f"delete {found.folder}",
    )


def _unreadable(found: Installed) -> Iterator[Finding]:
    """Torch reads the entry points of all distributions when it is imported, and stops at one it cannot decode."""
    try:
        (found.folder / "entry_points.txt").read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield Finding(
            severity="problem",
            subject=f"{found.name} {found.version}",
            text=f"{found.folder / 'entry_points.txt'} is not UTF-8, which keeps torch from being imported",
            hint=f"pip uninstall {found.name}",
        )
    except OSError:
        return


def _stale(found: Installed) -> Iterator[Finding]:
    """Entry points and version of an editable install beside the pyproject.toml it was made from."""
    source = found.source
    if source is None:
        return
    who, again = f"{found.name} {found.version}", f"pip install -e {source}"
    if not source.is_dir():
        if found.announced or found.key in OURS:
            yield Finding(
                severity="problem",
                subject=who,
                text=f"was installed from {source}, which is gone",
                hint=f"valle plugins uninstall {found.name}",
            )
        return
    try:
        project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        announced = set(_announced(project))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield Finding(
            severity="warning",
            subject=who,
            text=f"{source / 'pyproject.toml'} cannot be read: {getattr(error, 'strerror', None) or error}",
        )
        return
    if "entry-points" not in project.get("dynamic", ()):
        before = {(entry.group, entry.name, entry.value) for entry in found.announced}
        for word, changed in (("does not have yet", announced - before), ("still has", before - announced)):
            names = ", ".join(f"{announced_as(group, name)} = {to}" for group, name, to in sorted(changed))
            if names:
                text = f"its metadata is stale: it {word} {names}"
                yield Finding(severity="problem", subject=who, text=text, hint=again)
    version = project.get("version", found.version)
    if (found.announced or announced) and version != found.version:
        yield Finding(severity="warning", subject=who, text=f"its source says version {version}", hint=again)


def _announced(project: dict) -> Iterator[tuple[str, str, str]]:
    for group, names in project.get("entry-points", {}).items():
        for name, value in names.items():
            yield from (_plain(found) for found in parse(f"[{group}]\n{name} = {value}", "", ""))


def _plain(found: Found) -> tuple[str, str, str]:
    return found.group, found.name, found.value
