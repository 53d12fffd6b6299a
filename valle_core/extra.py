"""Imports the packages of the extras `valle-core[eval]` and `[pesq]` when they are first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from valle_core.plugin import UserError


def load(module: str, purpose: str, *, extra: str = "eval") -> ModuleType:
    """The module, or one line that says what it is for and how to get it.

    A module that is there but fails while importing raises its own error.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise UserError(f"{purpose} needs {module}. Install it with: pip install 'valle-core[{extra}]'") from error
