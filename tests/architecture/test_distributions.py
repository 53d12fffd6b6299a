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
    assert imported_in(ROOT / "valle_core") - declared - {"valle_core"} - sys.stdlib_module_names == set()


BRINGS = {
    "hibari": "hibari-tts",
    "dac": "descript-audio-codec",
    "llvmlite": "numba",
    "yaml": "pyyaml",
}
"""Modules of other names than the distribution that brings them."""
BY_HAND = {"distillmos", "resemblyzer"}
"""Installed with `--no-deps`, as the comment beside the extras of valle-eval says."""


def test_what_a_distribution_imports_is_declared_by_it_or_by_ours_below_it():
    files = [ROOT / "pyproject.toml", *ROOT.glob("*/pyproject.toml"), *(ROOT / "plugins").glob("*/pyproject.toml")]
    ours = {project_of(path.parent)["name"]: path.parent for path in files}
    assert len(ours) > 30
    missing = {}
    for name, folder in ours.items():
        roots = [*(folder / "src").glob("valle*")] or [ROOT / "valle_core"]
        brought = {canonicalize_name(one) for one in declared_by(name, None, ours) | {root.name for root in roots}}
        named = set().union(*map(imported_in, roots)) - set(sys.stdlib_module_names) - BY_HAND
        missing[name] = {one for one in named if canonicalize_name(BRINGS.get(one, one)) not in brought}
    assert {name: found for name, found in missing.items() if found} == {}


def imported_in(package: Path) -> set[str]:
    """The first names of all modules that a package imports anywhere."""
    found: set[str] = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if "templates" not in path.parts else ():
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0] for name in names}
    return found


def declared_by(name: str, extras: set[str] | None, ours: dict[str, Path]) -> set[str]:
    """What a distribution of ours asks for, with these extras or with all; of ours below it, what these ask for too."""
    project = project_of(ours[name])
    groups = project.get("optional-dependencies", {})
    lines = [*project.get("dependencies", ())]
    chosen = groups.keys() - {"dev"} if extras is None else extras
    lines += [line for extra in chosen for line in groups[extra]]
    found = set()
    for one in map(Requirement, lines):
        found |= {one.name} | (declared_by(one.name, one.extras, ours) if one.name in ours else set())
    return found


def test_every_distribution_says_that_it_is_typed():
    packages = [path.parent for path in [*ROOT.glob("*/__init__.py"), *ROOT.glob("*/src/*/__init__.py")]]
    packages += [path.parent for path in ROOT.glob("plugins/*/src/*/__init__.py")]
    assert len(packages) > 30
    assert [str(package.relative_to(ROOT)) for package in packages if not (package / "py.typed").exists()] == []


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
