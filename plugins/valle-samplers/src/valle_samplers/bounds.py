"""Checks that an option lies in its range."""

from __future__ import annotations

import math

from valle_core.plugin import UserError


def require(option: str, value: float, *, low: float = -math.inf, high: float = math.inf, above: bool = False) -> None:
    """Raise unless low ≤ value ≤ high (low < value with `above`); NaN never passes.

    Raises:
        UserError: naming option, value and range.
    """
    reached = value > low if above else value >= low
    if not (reached and value <= high):
        opening = "greater than" if above else "at least"
        closing = "" if high == math.inf else f" and at most {high:g}"
        raise UserError(f"{option} is {value}, but must be {opening} {low:g}{closing}")
