"""The list of plugins a model needs: who provides them, in which version, for which API; written, read, checked."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from valle_core.api import (
    Manifest,
    PluginIdentity,
    PluginSpec,
    Registry,
    UserError,
    check_plugin,
    find_checkpoint,
    read_manifest,
    write_text,
)
from valle_core.reading.json_text import read_json
from valle_core.reading.kinds import Kind, check_kinds

FORMAT_VERSION = 1
_KINDS: dict[str, Kind] = {"format_version": int, "made_with": dict, "plugins": (dict,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginLock:
    """A list of plugins.

    Attributes:
        plugins: each once, sorted by kind and name.
        made_with: version of Python, torch and valle-core where the list was written; they are not compared.
    """

    plugins: tuple[PluginIdentity, ...]
    made_with: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """What a file says."""
        return {
            "format_version": FORMAT_VERSION,
            "made_with": self.made_with,
            "plugins": [asdict(plugin) for plugin in self.plugins],
        }

    @property
    def distributions(self) -> dict[str, str]:
        """Distribution → version."""
        return {plugin.distribution: plugin.version for plugin in self.plugins}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is said of a plugin of a list.

    Attributes:
        plugin: as the list has it.
        line: what differs here, or what is missing and how to install it; "" where it is the same.
        missing: it cannot be used here.
    """

    plugin: PluginIdentity
    line: str
    missing: bool


def locked(plugins: Sequence[PluginIdentity]) -> PluginLock:
    """A list of plugins, written now."""
    unique = {(one.kind, one.bare): one for one in plugins}
    made = {"python": platform.python_version()} | {name: version(name) for name in ("torch", "valle-core")}
    return PluginLock(plugins=tuple(unique[key] for key in sorted(unique)), made_with=made)


def lock_of(manifest: Manifest) -> PluginLock:
    """The list of a checkpoint."""
    return locked(manifest.plugins)


def lock_of_installed(registry: Registry) -> PluginLock:
    """The list of all plugins that can be used here: what is picked by name, commands and hooks."""
    entries = [entry for entry in registry.entries() if entry.status == "ok" and entry.spec is not None]
    return locked(
        [
            PluginIdentity(
                kind=entry.kind.name,
                name=entry.name,
                distribution=entry.distribution,
                version=entry.version,
                api=entry.spec.api if isinstance(entry.spec, PluginSpec) else entry.kind.api,
            )
            for entry in entries
        ]
    )


def lock_from(path: Path) -> PluginLock:
    """The list in a file, in an exported folder, or of a run or checkpoint.

    Raises:
        UserError: it is none of them, or damaged.
    """
    if path.is_dir():
        return lock_of(read_manifest(find_checkpoint(path)))
    try:
        found = read_json(path)
        check_kinds(found, _KINDS)
        if found["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version must be {FORMAT_VERSION}, got {found['format_version']}")
        check_kinds(found["made_with"], dict.fromkeys(found["made_with"], str))
        return PluginLock(plugins=tuple(map(PluginIdentity.from_dict, found["plugins"])), made_with=found["made_with"])
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path}: not a list of plugins ({why}); name a file that `valle plugins lock` wrote, or a run"
        ) from None


def write_lock(path: Path, lock: PluginLock) -> None:
    """Replace `path` by the list."""
    write_text(path, json.dumps(lock.to_json(), indent=1) + "\n")


def compare(lock: PluginLock, registry: Registry, where: str) -> Iterator[Finding]:
    """What is said of each plugin of a list on this machine; nothing of a plugin is imported but its spec."""
    for plugin in lock.plugins:
        try:
            line = check_plugin(plugin, registry, where)
        except UserError as error:
            yield Finding(plugin=plugin, line=str(error), missing=True)
        else:
            yield Finding(plugin=plugin, line=line, missing=False)


def install_line(findings: Sequence[Finding], registry: Registry) -> str:
    """One command that installs what is missing, or ""."""
    missing = {one.plugin.distribution: one.plugin.version for one in findings if one.missing}
    commands = [registry.how_to_install(name, number) for name, number in sorted(missing.items())]
    ours, others = "valle plugins install ", "pip install "
    joined = [
        prefix + " ".join(command.removeprefix(prefix) for command in commands if command.startswith(prefix))
        for prefix in (ours, others)
        if any(command.startswith(prefix) for command in commands)
    ]
    return " && ".join(joined)
