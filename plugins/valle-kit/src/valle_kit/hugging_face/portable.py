"""Options that say a model's sizes without the folder they were read from, for checkpoints that travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

Options = TypeVar("Options")


def portable(options: Options, sizes: Any, sizes_of: Callable[[Options], Any]) -> Options | None:
    """`options` without `weights` and with every size that they can say, or None where they cannot say them all."""
    names = {field.name for field in fields(options)} & {field.name for field in fields(sizes)}  # type: ignore[arg-type]
    plain = replace(options, weights=None, **{name: getattr(sizes, name) for name in names})  # type: ignore[type-var]
    return plain if sizes_of(plain) == sizes else None
