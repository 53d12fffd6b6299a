"""Whether what was stored is of the kinds that were written, so that nothing else travels on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

Kind = type | tuple["Kind"]
"""`str`, `bool`, `dict`, `int` (of 64 bits), `float` (any finite number), or `(kind,)` for a list of one kind."""

_NAMES = {str: "text", bool: "true or false", dict: "an object", int: "an integer", float: "a number"}


def check_kinds(stored: Any, kinds: Mapping[str, Kind], optional: Collection[str] = ()) -> None:
    """Raises `ValueError` unless `stored` is an object that has these keys with values of these kinds."""
    if not isinstance(stored, Mapping):
        raise ValueError(f"it must be an object, got {stored!r:.80}")
    for name, kind in kinds.items():
        if name not in stored:
            if name in optional:
                continue
            raise ValueError(f"it lacks '{name}'")
        if not is_of(stored[name], kind):
            raise ValueError(f"'{name}' must be {describe(kind)}, got {stored[name]!r:.80}")


def is_of(value: Any, kind: Kind) -> bool:
    """Whether a value from JSON is of a kind."""
    if isinstance(kind, tuple):
        return isinstance(value, list) and all(is_of(item, kind[0]) for item in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    if kind is int:
        return type(value) is int and -(1 << 63) <= value < 1 << 63
    return isinstance(value, kind)


def describe(kind: Kind) -> str:
    """In words, for a message."""
    return f"a list ({describe(kind[0])} each)" if isinstance(kind, tuple) else _NAMES[kind]


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every floating point number
        return False
