"""Checks that an option lies in its range."""

from __future__ import annotations

import math

from valle_core.plugin import UserError


def require(option: str, value: float, *, low: float = -math.inf, high: float = math.inf, note: str = "") -> None:
    """Raise unless low ≤ value ≤ high; NaN never passes.

    Raises:
        UserError: naming option, range and value; `note` stands before the range.
    """
    if not low <= value <= high:
        where = f"at least {low:g}" if high == math.inf else f"in [{low:.9g}, {high:.9g}]"
        raise UserError(f"{option} must be {note}{where}, got {value:.9g}")
