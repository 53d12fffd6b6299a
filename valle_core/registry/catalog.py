"""What is known about each plugin: its spec, its status, why, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from valle_core.plugin import CommandSpec, HookSpec, Kind, PluginSpec, ReferenceSpec
from valle_core.registry.loading import LoadError, is_importable, load_spec
from valle_core.registry.scan import Found
from valle_core.registry.spec_check import complaint_about

Status = Literal["ok", "unavailable", "incompatible", "broken", "disabled", "conflict", "not-installed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One line of `valle list-plugins`.

    Attributes:
        kind: row of the table.
        name: what the user types.
        distribution: who provides it.
        version: of the distribution, "" when it is not installed.
        status: `ok` can be selected; all others cannot, for the reason in `why`.
        why: reason of the status; for `ok`, a warning or "".
        hint: what to do about it, or "".
        spec: what the plugin says about itself, where it could be read.
    """

    kind: Kind
    name: str
    distribution: str
    version: str
    status: Status
    why: str = ""
    hint: str = ""
    spec: PluginSpec | CommandSpec | HookSpec | ReferenceSpec | None = None

    @property
    def owner(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}".strip()


def examine(kind: Kind, found: Found, upgrade: str) -> Entry:
    """Import the spec of one entry point, guarded, and say whether it can be used; `upgrade`: the command for it."""
    try:
        spec: Any = load_spec(found.value)
    except LoadError as error:
        hint = f"{upgrade}, or valle plugins uninstall {found.distribution}"
        return entry_of(kind, found, "broken", str(error), hint)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(
            f"while importing the spec of {kind.name} '{found.name}' ({found.distribution} {found.version}); "
            f"VALLE_DISABLE_PLUGINS={found.name} leaves it out"
        ) from error
    if complaint := complaint_about(kind, found, spec):
        return entry_of(kind, found, "broken", complaint, f"tell the authors of {found.distribution}")
    if spec.api != kind.api:
        return _other_api(kind, found, spec, upgrade)
    return _with_requirements(kind, found, spec, why="", hint="")


def entry_of(kind: Kind, found: Found, status: Status, why: str, hint: str, spec: Any = None) -> Entry:
    """The line of one entry point."""
    home, version = found.distribution, found.version
    return Entry(
        kind=kind, name=found.name, distribution=home, version=version, status=status, why=why, hint=hint, spec=spec
    )


def _other_api(
    kind: Kind, found: Found, spec: PluginSpec | CommandSpec | HookSpec | ReferenceSpec, upgrade: str
) -> Entry:
    written = f"written for {kind.name} API {spec.api}, this valle-core has {kind.api}"
    if spec.api > kind.api:
        return entry_of(kind, found, "incompatible", written, "update valle", spec)
    if spec.api == kind.api - 1 and spec.api >= 1:
        return _with_requirements(kind, found, spec, why=f"{written}; works until the next", hint=upgrade)
    return entry_of(kind, found, "incompatible", written, upgrade, spec)


def _with_requirements(kind: Kind, found: Found, spec: Any, *, why: str, hint: str) -> Entry:
    missing = [need for need in getattr(spec, "requires", ()) if not is_importable(need.module)]
    if missing:
        modules = ", ".join(need.module for need in missing)
        hints = "; ".join(dict.fromkeys(need.hint for need in missing))
        return entry_of(kind, found, "unavailable", f"needs {modules}, which is not installed", hints, spec)
    return entry_of(kind, found, "ok", why, hint, spec)
