"""Whose code an unexpected error was raised in: the plugin is named, not only the error."""

from __future__ import annotations

import traceback
from pathlib import Path

from valle_core.registry.registry import Registry
from valle_core.registry.scan import Found


def culprit(error: BaseException) -> str:
    """`arch 'acme' (acme-valle 1.0), backbone.py line 57` for the innermost plugin on the way to the error, or ""."""
    frames = [
        (frame.f_globals.get("__name__", ""), frame, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    announced = Registry.open().announced
    for module, frame, line in reversed(frames):
        owners = [found for found in announced if _root(found) == module.partition(".")[0]]
        if owners:
            return f"{_named(owners)}, {Path(frame.f_code.co_filename).name} line {line}"
    return ""


def _root(found: Found) -> str:
    return found.value.partition(":")[0].partition(".")[0]


def _named(owners: list[Found]) -> str:
    who = f"{owners[0].distribution} {owners[0].version}"
    if len({(found.group, found.name) for found in owners}) > 1:
        return who
    return f"{owners[0].group.removeprefix('valle.')} '{owners[0].name}' ({who})"
