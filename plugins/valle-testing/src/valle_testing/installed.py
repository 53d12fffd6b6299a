"""Runs the suite of its kind on an installed plugin, built with small sizes where its options have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from valle_core.assemble.part import build
from valle_core.plugin import CommandSpec, HookSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.loading import LoadError, load
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_testing import suite, watch
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.alignment.texts import SIZES
from valle_testing.suites.command.ran import valle

SMALL: Mapping[str, Any] = {
    "d_model": 32,
    "n_layers": 3,
    "n_heads": 4,
    "n_kv_heads": 2,
    "dropout": 0.3,
    "max_length": 24,
}
"""Options of a backbone under test, where it has them under the usual names."""

Given = tuple[tuple[Any, ...], Mapping[str, Any]]
"""What `suite.run` takes for a plugin: positional and by keyword."""


def check_plugin(registry: Registry, kind: str, name: str) -> suite.Report:
    """The report of one plugin.

    Args:
        registry: where it is found.
        kind: of the plugin.
        name: of the plugin, or `distribution:name`.

    Raises:
        UserError: it cannot be selected or built, or runs on no device of this machine.
    """
    entry = registry.find(kind, name)
    if entry.status == "ok" and isinstance(entry.spec, (CommandSpec, HookSpec)):
        return suite.run(kind, _loaded(entry), spec=entry.spec)
    selected = registry.select(kind, name)
    before: list[str] = []
    with watch.watched(before, may_draw=True):
        given, how = GIVEN.get(kind, _plain)(selected, _device(selected))
    return suite.run(kind, *given, spec=selected.spec, before=before, **how)


def _loaded(entry: Entry) -> Callable[..., Any]:
    """What the suites of hooks and commands take: a function that gives the hook's object, or runs the command."""
    spec = entry.spec
    if isinstance(spec, CommandSpec):
        return valle(*spec.name.split())
    assert isinstance(spec, HookSpec)
    try:
        plugin = load(spec.plugin)
    except LoadError as error:
        raise UserError(f"hook '{entry.name}' ({entry.owner}) cannot be loaded: {error}") from error
    return lambda: plugin


def _plain(selected: Selected, device: str) -> Given:
    """A function that builds it from its default options."""
    return (_built(selected),), {}


def _on_device(selected: Selected, device: str) -> Given:
    """The same, and where the checks' tensors are to be."""
    return (_built(selected),), {"device": device}


def _fetching_nothing(selected: Selected, device: str) -> Given:
    """With random weights where its options have `weights` and the `seed` of random ones: a check fetches nothing."""
    names = {field.name for field in dataclasses.fields(selected.options_type())}
    options = selected.options_type()(**({"weights": "random"} if {"weights", "seed"} <= names else {}))

    def once(**changes: Any) -> Any:
        return build(selected, dataclasses.replace(options, **changes), device=torch.device(device))

    once()
    return (once,), {"device": device}


def _kernel(selected: Selected, device: str) -> Given:
    return (_built(selected)(), selected.spec.capabilities), {"device": device}


def _backbone(selected: Selected, device: str) -> Given:
    """A function that builds it small, with options changed; attention takes every mask form."""
    attention = RuleKernel() if "attention" in selected.spec.needs else None
    options = _small(selected.options_type())

    # Where states are rounded inside, a difference in the last place of float32 may become a whole step.
    dtype = torch.float64 if "rounds" in selected.spec.capabilities else torch.float32

    def once(**changes: Any) -> Any:
        return build(selected, dataclasses.replace(options, **changes), attention=attention).to(device, dtype)

    once()
    return (once,), {}


def _in_place_of_text(selected: Selected, device: str) -> Given:
    """A function that builds it for the texts of the suite."""
    return (_built(selected, **SIZES),), {}


def _for_batches(selected: Selected, device: str) -> Given:
    """A function that builds it for the batches of the suite."""
    from valle_testing.suites.loss.batches import SIZES

    return (_built(selected, **SIZES),), {"device": device}


def _for_groups(selected: Selected, device: str) -> Given:
    """A function that builds it with its default options for parameter groups."""
    options = selected.options_type()()

    def once(**given: Any) -> Any:
        return build(selected, options, **given)

    return (once,), {"device": device}


GIVEN: Mapping[str, Callable[[Selected, str], Given]] = {
    "alignment": _in_place_of_text,
    "arch": _backbone,
    "attention": _kernel,
    "codec": _fetching_nothing,
    "sampler": _on_device,
    "rewrite": _on_device,
    "recognizer": _fetching_nothing,
    "metric": _fetching_nothing,
    "loss": _for_batches,
    "optimizer": _for_groups,
}
"""How a plugin of a kind is handed to its suite; a kind without a row is built from its options alone."""


def _built(selected: Selected, **parts: Any) -> Callable[[], Any]:
    """Builds it with its default options; tried once here, so that what cannot be built is told as such."""

    def once() -> Any:
        return build(selected, selected.options_type()(), **parts)

    once()
    return once


def _small(options: type) -> Any:
    """Its options with small sizes, or its defaults where it does not take those."""
    names = {field.name for field in dataclasses.fields(options)}
    try:
        return options(**{name: value for name, value in SMALL.items() if name in names})
    except UserError:
        return options()


def _device(selected: Selected) -> str:
    """The first device it declares that is there; the CPU where it can."""
    devices = selected.spec.devices
    if "cpu" in devices:
        return "cpu"
    for name in devices:
        if name == "cuda" and torch.cuda.is_available():
            return name
    who = f"{selected.kind} '{selected.name}' ({selected.entry.owner})"
    raise UserError(f"{who} cannot be checked here: needs {' or '.join(devices)}, found cpu")
