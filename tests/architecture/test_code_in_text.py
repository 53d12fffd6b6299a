"""Code that tests write as text, for processes of their own, imports what is there: no other check reads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT, *(path for wing in ("cli", "benchmarks", "plugins/*") for path in ROOT.glob(f"{wing}/src")))
TESTS = sorted(path for wing in ("tests", "cli/tests", "benchmarks", "plugins/*/tests") for path in ROOT.glob(wing))
IMPORT = re.compile(r"\bfrom (valle\w*(?:\.\w+)*) import (\([^)]*\)|\w[\w, ]*)")


def texts(source: str) -> Iterator[str]:
    """Its string constants; the parts of an f-string come one by one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def names_of(module: str) -> frozenset[str] | None:
    """What a module of ours defines or imports, and its submodules; None for a module that is not there."""
    for root in SOURCES:
        place = root.joinpath(*module.split("."))
        stub = place.with_suffix(".pyi")  # names that are imported when they are first used
        file = place / "__init__.py" if place.is_dir() else stub if stub.is_file() else place.with_suffix(".py")
        if not file.is_file():
            continue
        found = {path.stem for path in place.glob("*")}
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
        return frozenset(found)
    return None


def missing(text: str) -> list[str]:
    """Imports from valle that a text writes and that would fail."""
    wrong = []
    for module, listed in IMPORT.findall(text):
        names = [word.split()[0] for word in listed.strip("()").split(",") if word.strip()]
        there = names_of(module)
        wrong += [f"{module}.{name}" for name in names if there is None or name not in there]
    return wrong


def test_code_written_as_text_imports_what_is_there():
    found = []
    for folder in TESTS:
        for path in sorted(folder.rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if path != Path(__file__) and ("subprocess" in source or "write_text" in source):
                found += [f"{path.relative_to(ROOT)}: {name}" for text in texts(source) for name in missing(text)]
    assert not found, "\n".join(found)


def test_a_renamed_class_and_a_moved_module_are_noticed():
    assert missing("from valle_testing.planted_table import PROPERTY, Row\nx = 1") == [
        "valle_testing.planted_table.Row"
    ]
    assert missing("from valle_core.moved import (\n    thing,\n)") == ["valle_core.moved.thing"]
    assert missing("from valle_core.plugin import UserError as Error, PluginSpec\nfrom valle_core import api") == []
