"""Turns defaults, YAML, `--set` and flags into settings of one form."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from valle_core.config.schema import Layers, Located, Schema, Setting, Slot
from valle_core.plugin import UserError


def layers(
    schema: Schema,
    *,
    yaml_file: str | Path | None = None,
    sets: Sequence[str] = (),
    flags: Iterable[tuple[str, Any]] = (),
) -> Layers:
    """Defaults, YAML, `--set` and flags, weakest first. Raises `UserError` for top-level keys nobody owns."""
    defaults = [setting for slot in schema.slots for setting in _of_slot(slot, _located(slot.default, "default"))]
    return [
        defaults,
        [] if yaml_file is None else _of_yaml(schema, yaml_file),
        [setting for text in sets for setting in _of_set(schema, text)],
        [_checked(schema, Setting(_path(key), value, flag_of(key), text=True)) for key, value in flags],
    ]


def flag_of(key: str) -> str:
    """`nar_sampler.top_k` → `--nar-sampler.top-k`."""
    return "--" + key.replace("_", "-")


def nearest(word: str, words: Iterable[str], prefix: str = "") -> str:
    """` Did you mean 'x'?` with the nearest of `words` (written behind `prefix`), or nothing."""
    near = difflib.get_close_matches(word, list(words), n=1)
    return f" Did you mean '{prefix}{near[0]}'?" if near else ""


def _path(key: str) -> tuple[str, ...]:
    return tuple(key.replace("-", "_").split("."))


def _located(value: Any, origin: str) -> Located:
    if isinstance(value, dict):
        return Located({key: _located(item, origin) for key, item in value.items()}, origin)
    if isinstance(value, list | tuple):
        return Located([_located(item, origin) for item in value], origin)
    return Located(value, origin)


def _of_yaml(schema: Schema, file: str | Path) -> list[Setting]:
    from valle_core.config.yaml_file import read_file

    root = read_file(file)
    if not isinstance(root.value, dict):
        raise UserError(f"{root.origin}: expected keys like 'arch: llama', got {_short(root.plain())}")
    return [setting for key, item in root.value.items() for setting in _of_key(schema, key.replace("-", "_"), item)]


def _of_key(schema: Schema, key: str, item: Located) -> list[Setting]:
    if slot := schema.slot(key):
        return _of_slot(slot, item)
    section = schema.section(key)
    if section is None:
        raise unknown_key(schema, key, item.origin)
    if section.flat:
        return [Setting((key,), item.plain(), item.origin)]
    if item.value is None:
        return []
    if not isinstance(item.value, dict):
        if section.main and not isinstance(item.value, list):
            return [Setting((key, section.main), item.plain(), item.origin)]
        raise UserError(f"{item.origin}: {key}: expected options below it, got {_short(item.plain())}")
    return [Setting((key, *_path(name)), value.plain(), value.origin) for name, value in item.value.items()]


def _of_slot(slot: Slot, item: Located) -> list[Setting]:
    """`name`, `{name: …, option: …}`, a list of these for a chain, or null."""
    if item.value is None or item.value == []:
        return [Setting((slot.name,), None, item.origin)]
    if isinstance(item.value, list):
        if not slot.many:
            raise UserError(f"{item.origin}: {slot.name}: takes one {slot.kind}, got a list")
        return [setting for element in item.value for setting in _of_element(slot, element)]
    return _of_element(slot, item)


def _of_element(slot: Slot, item: Located) -> list[Setting]:
    if isinstance(item.value, str):
        return [Setting((slot.name,), item.value, item.origin)]
    if not isinstance(item.value, dict):
        raise UserError(
            f"{item.origin}: {slot.name}: expected a name or {{name: …, options}}, got {_short(item.plain())}"
        )
    settings = []
    if "name" in item.value:
        name = item.value["name"]
        if not isinstance(name.value, str):
            raise UserError(f"{name.origin}: {slot.name}.name: expected a name, got {_short(name.plain())}")
        settings.append(Setting((slot.name,), name.value, name.origin))
    options = [(key, value) for key, value in item.value.items() if key != "name"]
    return settings + [Setting((slot.name, *_path(key)), value.plain(), value.origin) for key, value in options]


def _of_set(schema: Schema, text: str) -> list[Setting]:
    key, equals, value = text.partition("=")
    if not (equals and key.strip()):
        raise UserError(f"--set {text}: expected KEY=VALUE, e.g. --set arch.d_model=512")
    path, origin = _path(key.strip()), f"--set {key.strip()}"
    slot = schema.slot(path[0])
    if slot and path[1:] == ("name",):  # the place of a plugin's name in YAML
        path = path[:1]
    if slot and len(path) == 1:
        if value[:1] in "[{":
            from valle_core.config.yaml_file import read_text

            value_at = read_text(value, origin)
            return _of_slot(slot, _located(value_at.plain(), origin))
        return [Setting(path, None if value in ("none", "null", "") else value, origin)]
    return [_checked(schema, Setting(path, value, origin, text=True))]


def _checked(schema: Schema, setting: Setting) -> Setting:
    slot, section = schema.slot(setting.path[0]), schema.section(setting.path[0])
    if slot is None and section is None:
        raise unknown_key(schema, setting.path[0], setting.origin)
    if section and section.main and len(setting.path) == 1:
        return dataclasses.replace(setting, path=(*setting.path, section.main))
    wanted = (1,) if section and section.flat else (2,) if section else (1, 2)
    if len(setting.path) not in wanted:
        what = "has no options below it" if section and section.flat else "needs OPTION after a dot"
        raise UserError(f"{setting.where}: {what if section else 'plugin options are one level deep'}")
    if slot and len(setting.path) == 1 and setting.value in ("none", "null"):
        return Setting(setting.path, None, setting.origin)
    return setting


def unknown_key(schema: Schema, key: str, origin: str) -> UserError:
    """The error for a top-level key nobody owns."""
    return UserError(f"{origin}: unknown key '{key}'.{nearest(key, schema.keys())} Keys: {', '.join(schema.keys())}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
