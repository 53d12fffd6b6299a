"""What installing a distribution brings: the core stands on seven libraries, and says so where it is built."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from valle_cli.known import KNOWN

ROOT = Path(__file__).parents[2]


def test_the_core_brings_seven_libraries_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in project["dependencies"]}
    assert names == {"torch", "numpy", "pluggy", "pydantic", "PyYAML", "safetensors", "jaxtyping"}


def test_what_the_core_imports_beyond_them_is_an_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {"yaml", *(re.match(r"[\w-]+", one)[0].lower() for one in project["dependencies"])}
    declared |= {re.match(r"[\w-]+", one)[0].lower() for name in ("train", "audio") for one in extras[name]}
    imported: set[str] = set()
    for path in (ROOT / "valle_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.partition(".")[0] for name in names}
    assert imported - declared - {"valle_core"} - sys.stdlib_module_names == set()


def set_up() -> dict[str, set[str]]:
    """Name of a distribution of ours → its extras, as requirements.txt installs it."""
    found = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        folder, _, extras = line.removeprefix("-e ").rstrip("]").partition("[")
        found[project_of(ROOT / folder)["name"]] = set(extras.split(",")) - {""}
    return found


def project_of(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_distribution_of_ours_is_set_up_and_known():
    ours = {project_of(path.parent)["name"] for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    assert ours - set_up().keys() == set()
    assert ours - KNOWN.keys() == {"valle-language"}, "it has no entry point"


def test_all_that_the_set_up_installs_is_pinned():
    pinned = {
        canonicalize_name(re.match(r"[\w.-]+", line)[0])
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    folders = [ROOT / line.split()[1].partition("[")[0] for line in (ROOT / "requirements.txt").open(encoding="utf-8")]
    ours = {project["name"]: project for project in map(project_of, folders)}
    waiting = [Requirement(f"{name}[{','.join(extras)}]") for name, extras in set_up().items()]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in seen and one.name != "torch":  # its build, and so what that needs, is the user's choice
            seen.add(key)
            waiting += needed_by(one, ours)
    assert {name for name, _ in seen} - ours.keys() - pinned == set()


def needed_by(one: Requirement, ours: dict[str, dict]) -> Iterator[Requirement]:
    """What a distribution asks for on this machine, its extras included."""
    if one.name in ours:
        project = ours[one.name]
        lines = [*project.get("dependencies", ())]
        lines += [line for extra in one.extras for line in project["optional-dependencies"][extra]]
    else:
        try:
            lines = requires(one.name) or []
        except PackageNotFoundError:  # its own pin is looked for all the same
            lines = []
    for found in map(Requirement, lines):
        if found.marker is None or any(found.marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
            yield found
