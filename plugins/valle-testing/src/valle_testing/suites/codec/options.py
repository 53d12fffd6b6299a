"""The part of the suite of codecs on what its options do to codes and identity."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints
from unittest import SkipTest

import torch

from valle_core.plugin import PluginSpec, UserError
from valle_core.registry.loading import LoadError, load
from valle_testing.contract import contract
from valle_testing.suites.codec.signals import Build, encoded, sound


@contract("CodecIdentity", "Options that give other codes give another identity.")
def tells_its_options_apart(build: Build, spec: PluginSpec, *, device: str = "cpu") -> None:
    """Each option with other values: where a sound has other codes, the identity is another.

    Tried where the function that builds it takes options to change: `lambda **changes: …`.
    """
    takes = inspect.signature(build).parameters.values()
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes):
        raise SkipTest("it is built with nothing to change: lambda **changes: …")
    try:
        options = load(spec.options)
    except LoadError as error:
        raise SkipTest(f"its options cannot be loaded: {error}") from error
    first = build()
    clip = 0.3 * sound(first, 9 * first.hop, device=device)
    codes, _ = encoded(first, [clip])
    for name, value in _changes(options):
        try:
            other = build(**{name: value})
        except UserError:
            continue
        found, _ = encoded(other, [clip])
        same = found.shape == codes.shape and bool(torch.equal(found, codes))
        assert same or other.identity != first.identity, (
            f"with {name} = {value!r} the codes of a sound are others, the identity is the same: {first.identity}"
        )


def _changes(options: Any) -> Iterator[tuple[str, Any]]:
    """Names of options with values beside the default: of switches, numbers and choices."""
    hints = get_type_hints(options)
    for field in dataclasses.fields(options):
        default = field.default
        choices = [one for part in (hints[field.name], *get_args(hints[field.name])) for one in _choices(part)]
        if choices:
            values: list[Any] = [one for one in choices if one != default]
        elif isinstance(default, bool):
            values = [not default]
        elif isinstance(default, int):
            values = [default + 1, 2 * default]
        elif isinstance(default, float) or float in get_args(hints[field.name]):
            start = default if isinstance(default, float) else 0.0
            values = [start / 2, 2 * start, start - 23.0, start + 0.25]
        else:
            values = []
        for value in values:
            if value != default:
                yield field.name, value


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()


OPTION_CHECKS: tuple[Callable[..., None], ...] = (tells_its_options_apart,)
"""Each takes `(build, spec, *, device="cpu")`."""
