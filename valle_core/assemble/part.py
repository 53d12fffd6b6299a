"""Builds a selected plugin: here a factory string becomes an object, and nowhere else."""

from __future__ import annotations

from typing import Any, get_args

from valle_core.plugin import UserError
from valle_core.registry.loading import LoadError, load, one_line
from valle_core.registry.select import Selected


def options_type(selected: Selected) -> type:
    """The frozen dataclass of the plugin's options. Raises `UserError` when the plugin names something else."""
    return selected.options_type()


def build(selected: Selected, options: Any, **parts: Any) -> Any:
    """The object of a plugin, which satisfies its kind's Protocol.

    Args:
        selected: from `Registry.select` or the preflight.
        options: instance of the plugin's options dataclass.
        parts: what the kind's factory receives beside, e.g. `attention=` for an arch or `device=` for a codec.

    Raises:
        UserError: naming the plugin, when its factory cannot be imported, raises, or builds the wrong thing.
    """
    who = f"{selected.kind} '{selected.name}' ({selected.entry.owner})"
    wanted = options_type(selected)
    if not isinstance(options, wanted):
        raise UserError(f"{who} takes options of type {wanted.__name__}, got {type(options).__name__}")
    try:
        factory: Any = load(selected.spec.factory)
    except LoadError as error:
        raise UserError(f"{who} is broken: its factory {selected.spec.factory} cannot be loaded: {error}") from error
    try:
        built = factory(options, **parts)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{who} could not be built: {one_line(error)}") from error
    _check(who, built, selected.entry.kind.interface)
    return built


def _check(who: str, built: object, interface: str) -> None:
    protocol: Any = load(interface)
    if isinstance(built, protocol):
        return
    lacks = " or ".join(
        f"{one.__name__} ({', '.join(_missing(built, one)) or 'shape'})" for one in get_args(protocol) or (protocol,)
    )
    raise UserError(f"{who} is broken: it built a {type(built).__name__}, which lacks what makes a {lacks}")


def _missing(built: object, protocol: type) -> list[str]:
    """Members of a Protocol that an object does not have."""
    members: dict[str, None] = {}
    for base in protocol.__mro__[:-1]:
        names = [*getattr(base, "__annotations__", {}), *vars(base)]
        members.update(dict.fromkeys(name for name in names if not name.startswith("_") or name == "__call__"))
    return [name for name in members if not hasattr(built, name)]
