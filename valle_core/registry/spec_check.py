"""Says what is wrong with the object behind an entry point before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from valle_core.plugin import Kind, Requirement
from valle_core.registry.loading import one_line
from valle_core.registry.scan import Found

TEXTS = (
    *("name", "summary", "factory", "options", "licence", "paper", "memory", "weights"),
    *("run", "schema", "group", "loads", "bench", "part", "title", "plugin"),
)
FIELDS: dict[str, Any] = {
    "api": int,
    **dict.fromkeys(TEXTS, str),
    "progress": bool,
    **dict.fromkeys(("devices", "dtypes", "requires", "advisories", "examples"), tuple),
    "capabilities": (frozenset, set),
    "needs": Mapping,
    "expected_failures": Mapping,
}
"""What the fields of a spec must be; a slip such as `devices=("cuda")` is told to the author, not met later."""

OF_WORDS = ("devices", "dtypes", "advisories", "examples", "capabilities", "needs", "expected_failures")
"""Fields that hold strings (of a mapping, its keys)."""


def complaint_about(kind: Kind, found: Found, spec: Any) -> str:
    """What makes the object behind an entry point no spec of this kind, or "". Never raises."""
    if type(spec) is not kind.spec:  # a subclass could compute its fields, and fail at any later moment
        return f"{found.value} is a {type(spec).__name__}, expected a {kind.spec.__name__}"
    try:
        return _complaint(kind, found, spec)
    except Exception as error:
        return f"{found.value} cannot be read: {one_line(error)}"


def _complaint(kind: Kind, found: Found, spec: Any) -> str:
    for field, types in FIELDS.items():
        if not hasattr(type(spec), field):
            continue
        value = getattr(spec, field)
        if not isinstance(value, types):
            wanted = getattr(types, "__name__", "set")
            return f"{found.value} says {field}={value!r}, expected a {wanted}"
        if field in OF_WORDS and not all(isinstance(word, str) for word in value):
            return f"{found.value} says {field}={value!r}, expected strings in it"
    if getattr(spec, "kind", kind.name) != kind.name:
        return f"{found.value} says kind '{spec.kind}' but is announced in the group {kind.group}"
    if spec.name != found.name:
        return f"{found.value} says name '{spec.name}' but is announced as '{found.name}'"
    if getattr(spec, "run", "-") == "":
        return f"{found.value} names no function to run"
    for need in getattr(spec, "requires", ()):
        if not (isinstance(need, Requirement) and isinstance(need.module, str) and isinstance(need.hint, str)):
            return f"{found.value} says requires={spec.requires!r}, expected Requirement objects"
    for words in getattr(spec, "needs", {}).values():
        if not isinstance(words, frozenset | set) or not all(isinstance(word, str) for word in words):
            return f"{found.value} says needs={dict(spec.needs)!r}, expected a set of strings for each kind"
    return ""
