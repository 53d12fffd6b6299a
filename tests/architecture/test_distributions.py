"""What installing a distribution brings: the core stands on seven libraries, and says so where it is built."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

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
