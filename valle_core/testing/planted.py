"""Shows which checks see which planted faults: a suite is worth what it catches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from valle_core.testing import suite

Planted = Mapping[str, tuple[Callable[[], Any], str]]
"""Name of a fault → a function that builds a plugin with it, and the check that must see it."""


def cases(faults: Mapping[Any, tuple[Any, str]]) -> Planted:
    """Faults by name. A key is a name, then the value holds the builder; or a function that does something wrong, then
    the value holds what plants it (None where it is the builder itself)."""
    named: dict[str, tuple[Callable[[], Any], str]] = {}
    for fault, (plant, check) in faults.items():
        if isinstance(fault, str):
            named[fault] = plant, check
        else:
            named[fault.__name__.replace("_", " ")] = (fault if plant is None else plant(fault)), check
    return named


def table(kind: str, faults: Planted) -> tuple[str, list[str]]:
    """Every fault against every check.

    Args:
        kind: of what the builders make.
        faults: the faults and what must see them.

    Returns:
        A table of one line per fault (its check, yes or NO, the others that see it too), and the faults not caught.
    """
    width = max(map(len, faults), default=0)
    lines, missed = [f"{kind}: {'planted fault':<{width}}  caught  by the check (others that see it too)"], []
    for name, (build, wanted) in faults.items():
        found = [outcome.check for outcome in suite.run(kind, build).outcomes if outcome.verdict == "failed"]
        if wanted not in found:
            missed.append(name)
        others = ", ".join(check for check in found if check != wanted)
        caught = "yes" if wanted in found else "NO "
        lines.append(f"{kind}: {name:<{width}}  {caught}     {wanted}{f' ({others})' if others else ''}")
    return "\n".join([*lines, f"{kind}: {len(faults) - len(missed)} of {len(faults)} caught"]), missed
