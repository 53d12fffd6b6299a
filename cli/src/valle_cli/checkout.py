"""The checkout that valle was installed from, where its distributions that are not published lie."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_cli.installed import Installed
from valle_cli.known import KNOWN
from valle_core.registry.scan import normalise

CORE = "valle-core"
_PLACES = {CORE: ".", "valle": "cli", "valle-bench": "benchmarks"}
PUBLISHED = False
"""Whether package indexes have ours; `tools/release/metadata.py --check` refuses a tag before it says so."""


@dataclass(frozen=True, slots=True)
class Source:
    """The folder of a distribution in a checkout.

    Attributes:
        folder: holds its pyproject.toml.
        editable: whether what was found there first is installed in editable mode.
    """

    folder: Path
    editable: bool


def place_of(distribution: str) -> str:
    """The folder of a distribution of ours in a checkout."""
    return _PLACES.get(distribution, f"plugins/{distribution}")


def is_ours(distribution: str) -> bool:
    """Whether a distribution is one of valle's own, none of which is published."""
    return normalise(distribution) in {CORE, *KNOWN}


def source_of(distribution: str, there: Sequence[Installed]) -> Source | None:
    """The folder of a distribution in the checkout that one of ours was installed from; None where there is none."""
    place = place_of(normalise(distribution))
    for found in there:
        if (origin := found.origin) is None or not is_ours(found.key):
            continue
        root = Path(*origin.parts[: len(origin.parts) - len(Path(place_of(found.key)).parts)])
        if normalise(str(_project(root / place).get("name", ""))) == normalise(distribution):
            return Source(root / place, found.source is not None)
    return None


def needed(source: Source, there: Sequence[Installed]) -> list[Source]:
    """Folders of ours that a distribution depends on and that are not installed: no index could give them."""
    installed, waiting, found = {one.key for one in there}, [source], {}
    while waiting:
        for words in _project(waiting.pop().folder).get("dependencies", ()):
            name = normalise(re.split(r"[^A-Za-z0-9._-]", words, maxsplit=1)[0])
            if name in installed or name in found:
                continue
            if (other := source_of(name, there)) is not None:
                found[name] = other
                waiting.append(other)
    return list(found.values())


def _project(folder: Path) -> dict[str, Any]:
    """The table `project` of a folder's pyproject.toml; empty where it cannot be read."""
    try:
        table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return {}
    return table if isinstance(table, dict) else {}
