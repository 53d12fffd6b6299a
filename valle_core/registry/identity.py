"""Who provided a part: written down with datasets and checkpoints, and compared when they are used again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading.kinds import check_kinds
from valle_core.registry.registry import Registry
from valle_core.registry.scan import normalise
from valle_core.registry.select import Selected


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginIdentity:
    """A plugin something was made with."""

    kind: str
    name: str
    distribution: str
    version: str
    api: int

    @classmethod
    def from_dict(cls, stored: Any) -> PluginIdentity:
        """The inverse of `dataclasses.asdict`; raises `ValueError` for anything else."""
        check_kinds(stored, {"kind": str, "name": str, "distribution": str, "version": str, "api": int})
        if len(stored) != 5:
            raise ValueError(f"a plugin must have 5 facts, got {sorted(stored)!r:.80}")
        return cls(**stored)

    @property
    def bare(self) -> str:
        """The name without a distribution in front."""
        return self.name.rpartition(":")[2]

    def __str__(self) -> str:
        return f"{self.kind} '{self.bare}' of {self.distribution} {self.version}"


def identity_of(plugin: Selected) -> PluginIdentity:
    """What to write down about a selected plugin."""
    return PluginIdentity(
        kind=plugin.kind,
        name=plugin.name,
        distribution=plugin.entry.distribution,
        version=plugin.entry.version,
        api=plugin.spec.api,
    )


def check_plugin(wanted: PluginIdentity, registry: Registry, where: str) -> str:
    """Whether what `where` was made with can be had again: "", or a warning about another version or provider.

    Raises:
        UserError: it is missing, switched off, broken or doubled, or was made for an API this core does not serve.
    """
    made = f"{where} was made with {wanted}"
    install = registry.how_to_install(wanted.distribution, wanted.version)
    _check_api(wanted, registry, made)
    try:
        entry = registry.find(wanted.kind, wanted.bare)
    except UserError as error:
        if wanted.bare not in registry.names(wanted.kind):
            raise UserError(f"{made}, which is not installed. Install it with: {install}") from error
        rivals = [
            found.distribution
            for found in registry.announced
            if found.name == wanted.bare and normalise(found.distribution) != normalise(wanted.distribution)
        ]
        raise UserError(
            f"{made}; several plugins have that name. Leave the others out: VALLE_DISABLE_PLUGINS={','.join(rivals)}"
        ) from error
    if entry.status == "not-installed":
        raise UserError(f"{made}, which is not installed. Install it with: {install}")
    if entry.status != "ok":
        raise UserError(f"{made}, which is {entry.status}: {entry.why}. Fix it with: {entry.hint}")
    return _other(wanted, entry.distribution, entry.version, made)


def changes(before: Sequence[PluginIdentity], now: Sequence[PluginIdentity], where: str) -> Iterator[str]:
    """A warning for each plugin of `before` that is there in another version or from another distribution."""
    present = {(one.kind, one.bare): one for one in now}
    for one in before:
        if other := present.get((one.kind, one.bare)):
            warning = _other(one, other.distribution, other.version, f"{where} was made with {one}")
            yield from [warning] if warning else []


def warn(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"warning: {message}\n")


def _other(wanted: PluginIdentity, distribution: str, version: str, made: str) -> str:
    same = f"To have the same again, install {wanted.distribution} {wanted.version}"
    if normalise(distribution) != normalise(wanted.distribution):
        return f"{made}, and is used with that of {distribution} {version}, which may answer otherwise. {same}"
    return f"{made}, and {version} is installed. {same}" if version != wanted.version else ""


def _check_api(wanted: PluginIdentity, registry: Registry, made: str) -> None:
    """As for plugins, one number older is still understood."""
    api = registry.kind(wanted.kind).api
    if wanted.api > api:
        raise UserError(f"{made} for {wanted.kind} API {wanted.api}, this valle-core has {api}. Update valle")
    if wanted.api < max(api - 1, 1):
        raise UserError(
            f"{made} for {wanted.kind} API {wanted.api}, this valle-core has {api}. "
            "Use it with the valle-core it was made with"
        )
