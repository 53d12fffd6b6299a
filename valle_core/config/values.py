"""Checks one value against one option's type and says in plain words what was expected."""

from __future__ import annotations

import dataclasses
import enum
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from valle_core.config.schema import Setting
from valle_core.plugin import UserError


def hints_of(options_type: type) -> dict[str, Any]:
    """Field → its type, for the fields of an options dataclass, in order."""
    hints = get_type_hints(options_type, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(options_type)}


def validated(setting: Setting, hint: Any) -> Any:
    """The value as the option's type. Raises `UserError` with where it stands, expected and got."""
    if isinstance(setting.value, str) and "\0" in setting.value:
        raise UserError(f"{setting.where}: holds a zero character, got {setting.value!r:.80}")
    value = _read_text(setting.value, hint, setting.origin) if setting.text else setting.value
    if _fits(value, hint):
        return Path(value) if bare(hint) is Path else tuple(value) if isinstance(value, list) else value
    from pydantic import TypeAdapter, ValidationError

    try:
        # Lax mode takes "512" and 1e-3 written as text, yet also True for a number: booleans are compared strictly.
        found = TypeAdapter(hint).validate_python(value, strict=True if isinstance(value, bool) else None)
    except ValidationError as error:
        problem, got = error.errors()[0], setting.value
        if is_many(hint) and isinstance(value, list) and problem["loc"]:
            hint, got = get_args(bare(hint))[0], problem["input"]
        raise UserError(f"{setting.where}: {_limit(problem) or f'expected {describe(hint)}'}, got {got!r}") from error
    if found != found:
        raise UserError(f"{setting.where}: expected {describe(hint)}, got nan")
    return found


def _fits(value: Any, hint: Any) -> bool:
    """Whether text, paths, words and booleans are right without pydantic, whose import takes longer than a listing."""
    inner = {str | None: str, Path | None: Path}.get(hint, hint)
    if inner == tuple[str, ...] and isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    if get_origin(inner) is Literal:
        return isinstance(value, str) and value in get_args(inner)
    return (inner in (str, Path) and type(value) is str) or (inner is bool and type(value) is bool)


def _limit(problem: Any) -> str:
    """A bound that was violated, e.g. `expected greater than 0`; "" where the type itself is wrong."""
    if problem["type"].startswith(("greater", "less", "multiple", "string_too", "string_pattern", "too_", "finite")):
        return "expected " + problem["msg"].removeprefix("Input should be ").removeprefix("a ")
    if problem["type"] in ("value_error", "assertion_error"):
        return problem["msg"].partition(", ")[2] or problem["msg"]
    return ""


def _read_text(value: Any, hint: Any, origin: str) -> Any:
    """Text from the command line as a Python value, as far as the option's type needs it; never evaluated."""
    if isinstance(value, list):
        return [_read_text(item, _item_of(hint), origin) for item in value]
    if not isinstance(value, str):
        return value
    if value.lower() in ("none", "null") and accepts_none(hint):
        return None
    if is_many(hint) or is_mapping(hint):
        if value[:1] in "[{":
            from valle_core.config.yaml_file import read_text

            return read_text(value, origin).plain()
        return [value] if is_many(hint) else value
    return value


def bare(hint: Any) -> Any:
    """The type without `Annotated` and without `| None`."""
    if get_origin(hint) is Annotated:
        return bare(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        rest = [part for part in get_args(hint) if part is not type(None)]
        return bare(rest[0]) if len(rest) == 1 else hint
    return hint


def accepts_none(hint: Any) -> bool:
    """Whether the option may be none."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return accepts_none(parts[0])
    return hint is type(None) or (kind in (Union, types.UnionType) and any(map(accepts_none, parts)))


def is_many(hint: Any) -> bool:
    """Whether the option is a list-like: tuple, list, set, frozenset."""
    inner = bare(hint)
    return (get_origin(inner) or inner) in (tuple, list, set, frozenset)


def is_mapping(hint: Any) -> bool:
    """Whether the option maps keys to values."""
    inner = get_origin(bare(hint)) or bare(hint)
    return isinstance(inner, type) and hasattr(inner, "keys")


def _item_of(hint: Any) -> Any:
    items = get_args(bare(hint))
    return items[0] if items else Any


def choices(hint: Any) -> list[str]:
    """The words a Literal or an enumeration allows; empty for other types. "" is left out: it is no choice to type."""
    inner = bare(hint)
    if get_origin(inner) is Literal:
        return [str(item) for item in get_args(inner) if item != ""]
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return [str(item.value) for item in inner]
    return []


def describe(hint: Any) -> str:
    """The type in plain words, e.g. `an integer or none`."""
    inner = bare(hint)
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text", Path: "a path"}
    if words := choices(hint):
        text = f"one of {', '.join(words)}"
    elif is_many(hint):
        items = [item for item in get_args(inner) if item is not Ellipsis]
        text = f"a list ({describe(items[0])} each)" if items else "a list"
    elif is_mapping(hint):
        text = "keys with values"
    elif get_origin(inner) in (Union, types.UnionType):
        text = " or ".join(describe(part) for part in get_args(inner) if part is not type(None))
    else:
        text = names.get(inner) or getattr(inner, "__name__", str(inner))
    return f"{text} or none" if accepts_none(hint) else text
