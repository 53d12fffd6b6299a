"""The distributions that valle's makers know, as `valle` announces them in `valle.directory`, and their services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from valle_core.plugin import UserError
from valle_core.registry.loading import LoadError, load, load_spec
from valle_core.registry.scan import SERVICES, Scan, normalise, scan

DIRECTORY = "valle.directory"
Known = Mapping[str, Mapping[str, tuple[str, ...]]]
"""distribution → kind → names."""


def known_plugins(found: Scan) -> Known:
    """What is known; nothing where the command line is not installed, as no hint then names what could be."""
    for entry in found.found:
        if entry.group == DIRECTORY and normalise(entry.distribution) == "valle":
            try:
                return cast(Known, load_spec(entry.value))
            except LoadError:
                return {}
    return {}


def how_to_install(known: Known, distribution: str, version: str = "", *, upgrade: bool = False) -> str:
    """The command that installs a distribution; `valle` knows where ours are: in a checkout, or where it came from."""
    if normalise(distribution) in known:
        return f"valle plugins install {'-U ' if upgrade else ''}{normalise(distribution)}"
    return f"pip install {'-U ' if upgrade else ''}{distribution}{'==' + version if version else ''}"


def distribution_of(known: Known, kind: str, name: str) -> str | None:
    """The distribution of ours that provides `name`, or None."""
    return next((home for home, kinds in known.items() if name in kinds.get(kind, ())), None)


def service(name: str, what: str, home: str = "valle-data") -> Any:
    """What `home` announces in `valle.services` under this name; `what` begins the error where nothing does."""
    found = scan()
    for entry in found.found:
        if (entry.group, entry.name) == (SERVICES, name):
            return load(entry.value)
    known, stale = known_plugins(found), home in found.distributions
    how = "pip install --requirement requirements.txt (in a checkout of valle)"
    how = how_to_install(known, home, upgrade=stale) if normalise(home) in known else how
    lacking = f"does not announce '{name}'" if stale else "is not installed"
    raise UserError(f"{what}. That needs {home}, which {lacking}. Install it with: {how}")
