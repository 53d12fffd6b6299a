"""The public names for Python users and for plugins that bring commands or hooks; importing it imports nothing else.

The names stand once, in `api.pyi`. Each is fetched from the module that owns it when it is first used, so a command
that only needs `UserError` does not pay for torch. What is not listed there is internal and may move without notice.
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _owners() -> dict[str, tuple[str, str]]:
    """Public name → module and attribute that it stands for."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module that owns it. Raises `AttributeError` for any other."""
    if name.startswith("__") or name not in _owners():
        raise AttributeError(f"module 'valle_core.api' has no attribute '{name}'")
    module, attribute = _owners()[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(_owners())
