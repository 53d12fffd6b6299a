"""Imports a measure's package, which is not everybody's, when it is first needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from valle_core.plugin import UserError


def load(module: str, purpose: str) -> ModuleType:
    """The module, or one line that says what it is for and how to get it.

    A module that is there but fails while importing raises its own error.

    Args:
        module: importable name, which is that of its distribution, too.
        purpose: what needs it, the first word of the message.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise UserError(f"{purpose} needs {module}. Install it with: pip install {module}") from error
