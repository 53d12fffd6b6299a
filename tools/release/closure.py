"""The requirements on others that installing distributions of ours brings, read from their pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from release.metadata import project_of


def of_others(folders: Iterable[Path]) -> list[str]:
    """What must be there before all of `folders` can be installed without an index.

    An index is asked for these alone: were it asked for ours, whoever owns such a name there would be let in.
    """
    ours = {project["name"]: project for project in map(project_of, folders)}
    waiting, seen, found = [Requirement(name) for name in ours], set(), set()
    while waiting:
        for one in _asked_for(waiting.pop(), ours):
            key = (one.name, frozenset(one.extras))
            if one.name not in ours:
                one.marker = None
                found.add(str(one))
            elif key not in seen:
                seen.add(key)
                waiting.append(one)
    return sorted(found)


def _asked_for(one: Requirement, ours: dict[str, dict[str, Any]]) -> Iterator[Requirement]:
    project = ours[one.name]
    lines = [*project.get("dependencies", ())]
    lines += [line for extra in one.extras for line in project["optional-dependencies"][extra]]
    for found in map(Requirement, lines):
        if found.marker is None or found.marker.evaluate():
            yield found
