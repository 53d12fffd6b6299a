"""Writes the lowest version that a pyproject.toml of ours allows of each library, as constraints of pip.

    python tools/lowest_versions.py > constraints.txt    # `make test-oldest` installs what requirements.txt asks for so

The distributions and extras are those of `requirements.txt`; comments at the end name the bounds that only other extras
have, which nobody tries. It runs on a bare Python: in the environment that it describes nothing is installed yet.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SET_UP = re.compile(r"-e (?P<folder>[^\[\s]+)(?:\[(?P<extras>[^\]]+)\])?$")
BOUND = re.compile(r"(?P<name>[\w.-]+)(?:\[[^\]]+\])?(?:[>=]=(?P<lowest>[\w.]+))?(?P<marker>\s*;.+)?$")


def constraints(root: Path = ROOT) -> str:
    """The text of the file. `SystemExit` for a library without a lower bound, or with two: only one can be tried."""
    tried: dict[str, tuple[str, str]] = {}
    others: dict[str, str] = {}
    for where, requirement, installed in requirements(root):
        found = BOUND.match(requirement)
        if found is None or not found["lowest"]:
            raise SystemExit(f"error: {where}: '{requirement}' must have a lower bound and no other: 'numpy>=2.0'")
        name = re.sub(r"[-_.]+", "-", found["name"]).lower()
        if not installed:
            others |= {name: f"# not tried: {requirement} of {where}"} if ">=" in requirement else {}
            continue
        line = f"{found['name']}=={found['lowest']}{found['marker'] or ''}"
        other, there = tried.setdefault(name, (line, where))
        if other != line:
            raise SystemExit(f"error: one library, two lowest versions: {other} in {there}, {line} in {where}")
    lines = [line for _, (line, _) in sorted(tried.items())]
    return "\n".join([*lines, *(comment for name, comment in others.items() if name not in tried)]) + "\n"


def requirements(root: Path) -> Iterator[tuple[str, str, bool]]:
    """(distribution and extra, requirement, whether requirements.txt installs it) of what is not ours."""
    set_up = [SET_UP.match(line) for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines()]
    projects = [(one, project_of(root / one["folder"])) for one in set_up if one]
    ours = {project["name"] for _, project in projects}
    for one, project in projects:
        yield from theirs(project["name"], project.get("dependencies", ()), ours, installed=True)
        chosen = (one["extras"] or "").split(",")
        for extra, wanted in project.get("optional-dependencies", {}).items():
            yield from theirs(f"{project['name']}[{extra}]", wanted, ours, installed=extra in chosen)


def project_of(folder: Path) -> dict:
    """The table `project` of a folder's pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def theirs(where: str, wanted: Iterable[str], ours: set[str], *, installed: bool) -> Iterator[tuple[str, str, bool]]:
    """Requirements of others' libraries."""
    for requirement in wanted:
        if re.split(r"[^\w.-]", requirement, maxsplit=1)[0] not in ours:
            yield where, requirement, installed


if __name__ == "__main__":
    print(constraints(), end="")
