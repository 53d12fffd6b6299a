"""The distributions that valle's makers know, as the distribution `valle` announces them in `valle.directory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from valle_core.registry.loading import LoadError, load_spec
from valle_core.registry.scan import Scan, normalise

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
