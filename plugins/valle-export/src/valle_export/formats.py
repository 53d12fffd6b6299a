"""The formats of `valle export`, as data: a new format is a module with a function and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from valle_core.api import CommandContext, Requirement, UserError
from valle_export.options import ExportOptions

Write = Callable[[CommandContext, ExportOptions, Path], dict[str, Any]]
"""Fills an empty folder and returns what a script wants to know of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One format.

    Attributes:
        write: `"module:function"` of a `Write`.
        requires: modules it needs.
    """

    write: str
    requires: tuple[Requirement, ...] = ()

    def load(self, name: str) -> Write:
        """Its function. Raises `UserError` where a module it needs is missing, naming what installs it."""
        for needed in self.requires:
            if find_spec(needed.module) is None:
                raise UserError(f"format {name} needs {needed.module}. Install it with: {needed.hint}")
        module, _, attribute = self.write.partition(":")
        return getattr(import_module(module), attribute)


ONNX = "valle plugins install 'valle-export[onnx]'"

FORMATS: dict[str, Format] = {
    "safetensors": Format(write="valle_export.folder:write"),
    "onnx": Format(
        write="valle_export.onnx.write:write",
        requires=tuple(Requirement(module=one, hint=ONNX) for one in ("onnx", "onnxscript", "onnxruntime")),
    ),
    "gguf": Format(
        write="valle_export.gguf_file:write",
        requires=(Requirement(module="gguf", hint="valle plugins install 'valle-export[gguf]'"),),
    ),
}
"""Name → format."""
