"""What plugins there are; imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.registry.catalog import Entry, Status
from valle_core.registry.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """One plugin, as `valle list-plugins` shows it.

    Attributes:
        kind: what it is, e.g. `"arch"` or `"sampler"`.
        name: what picks it, e.g. `valle.train(…, arch="llama")`.
        version: of the distribution; "" where it is not installed.
        distribution: who provides it.
        status: `"ok"` can be used; all others cannot, for the reason in `why`.
        why: reason of the status; for `"ok"` a warning, or "".
        hint: what to do about it, or "".
        summary: one line; "" where it could not be read.
        api: number of the contract it was written for.
        devices: torch device types it runs on.
        dtypes: torch data types it runs in.
        capabilities: words of its kind's contract that it declares, sorted.
    """

    kind: str
    name: str
    version: str
    distribution: str
    status: Status
    why: str
    hint: str
    summary: str
    api: int | None
    devices: tuple[str, ...]
    dtypes: tuple[str, ...]
    capabilities: tuple[str, ...]


def list_plugins(kind: str | None = None) -> list[Plugin]:
    """Every plugin by kind and name: those that can be used, and those that cannot with the reason.

    Args:
        kind: only this kind, e.g. `"codec"`.

    Raises:
        UserError: there is no such kind.
    """
    return plugins_of(Registry.open(), kind)


def plugins_of(registry: Registry, kind: str | None = None) -> list[Plugin]:
    """The plugins a registry knows; see `list_plugins`."""
    return [plugin_of(entry) for entry in registry.entries(kind)]


def plugin_of(entry: Entry) -> Plugin:
    """What the registry knows of one plugin."""
    spec = entry.spec
    return Plugin(
        kind=entry.kind.name,
        name=entry.name,
        version=entry.version,
        distribution=entry.distribution,
        status=entry.status,
        why=entry.why,
        hint=entry.hint,
        summary=spec.summary if spec else "",
        api=spec.api if spec else None,
        devices=tuple(getattr(spec, "devices", ())),
        dtypes=tuple(getattr(spec, "dtypes", ())),
        capabilities=tuple(sorted(getattr(spec, "capabilities", ()))),
    )
