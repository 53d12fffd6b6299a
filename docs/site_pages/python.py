"""The reference of the Python API: what `valle` and `valle_core.api` make public, described by mkdocstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from site_pages.places import ROOT

INDEX = "reference/python.md"
CORE = "reference/core-api.md"
FACADE = ROOT / "cli" / "src" / "valle" / "__init__.py"
STUB = ROOT / "valle_core" / "api.pyi"


def python_pages() -> dict[str, str]:
    """Path on the site → Markdown."""
    facade = "".join(
        f"::: {owner}.{name}\n\n" for owner, name in sorted(public(FACADE), key=lambda one: one[1].lower())
    )
    shown = set(public(FACADE))  # a name has one place
    core = "".join(f"::: {owner}.{name}\n\n" for owner, name in public(STUB) if (owner, name) not in shown)
    return {
        INDEX: "# Python: `valle`\n\n`import valle` gives these names; each is fetched when it is first used.\n\n"
        + facade,
        CORE: (
            "# Python: `valle_core.api`\n\nThe names of the core for commands, hooks and studies "
            "([why they stand in one module](../adr/python-api.md)). Plugins of the kinds keep to the "
            "[contracts](../contracts.md).\n\n" + core
        ),
    }


def public(path: Path) -> list[tuple[str, str]]:
    """(module, name) of what a module imports from others to give away, under `TYPE_CHECKING` or at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(dict.fromkeys(_imported(tree)))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(("valle.", "valle_")):
            yield from ((node.module, alias.name) for alias in node.names)
