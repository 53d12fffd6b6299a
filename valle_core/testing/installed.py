"""Runs the suite of its kind on an installed plugin, built with small sizes where its options have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch

from valle_core.assemble.part import build
from valle_core.model.rows import MixedRows
from valle_core.plugin import UserError
from valle_core.registry.kinds import kind_named
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected
from valle_core.testing import suite

SMALL: Mapping[str, Any] = {
    "d_model": 32,
    "n_layers": 3,
    "n_heads": 4,
    "n_kv_heads": 2,
    "dropout": 0.3,
    "max_length": 24,
}
"""Options of a backbone under test, where it has them under the usual names."""


def check_plugin(registry: Registry, kind: str, name: str) -> suite.Report:
    """The report of one plugin.

    Args:
        registry: where it and, for a backbone, its attention kernel are found.
        kind: of the plugin.
        name: of the plugin, or `distribution:name`.

    Raises:
        UserError: it cannot be selected or built, or runs on no device of this machine.
    """
    selected = registry.select(kind, name)
    device = _device(selected)
    if kind == "attention":
        kernel = _built(selected)()
        return suite.run(kind, kernel, selected.spec.capabilities, spec=selected.spec, device=device)
    if kind == "arch":
        return suite.run(kind, _backbone(registry, selected, device), spec=selected.spec)
    if kind == "codec":
        return suite.run(kind, _codec(selected, device), spec=selected.spec, device=device)
    if kind in ("sampler", "rewrite"):
        return suite.run(kind, _built(selected), spec=selected.spec, device=device)
    return suite.run(kind, _built(selected), spec=selected.spec)


def _built(selected: Selected, **parts: Any) -> Callable[[], Any]:
    """Builds it with its default options; tried once here, so that what cannot be built is told as such."""

    def once() -> Any:
        return build(selected, selected.options_type()(), **parts)

    once()
    return once


def _codec(selected: Selected, device: str) -> Callable[[], Any]:
    """With random weights where its options have `weights` and the `seed` of random ones: a check fetches nothing."""
    names = {field.name for field in dataclasses.fields(selected.options_type())}
    if not {"weights", "seed"} <= names:
        return _built(selected, device=torch.device(device))
    options = selected.options_type()(weights="random")

    def once() -> Any:
        return build(selected, options, device=torch.device(device))

    once()
    return once


def _backbone(registry: Registry, selected: Selected, device: str) -> Callable[[], Any]:
    parts: dict[str, Any] = {"attention": None}
    if "attention" in selected.spec.needs:
        usual = registry.select("attention", kind_named("attention").usual)
        parts["attention"] = MixedRows(_built(usual)(), usual.spec.capabilities)
    options = _small(selected.options_type())

    def once() -> Any:
        return build(selected, options, **parts).to(device)

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
