"""Backbones of comparable size from nothing but the names of their options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from valle_bench.arch.settings import Candidate, Settings
from valle_core.assemble.model import build_backbone
from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.config.resolve import resolve
from valle_core.interfaces import Backbone
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry

CLOSE = 0.05
"""Relative difference up to which two parameter counts are called equal."""


def build_candidate(registry: Registry, candidate: Candidate, settings: Settings) -> Backbone:
    """The backbone with fresh weights of `settings.seed`, on its device, in eval mode.

    Raises:
        UserError: as the plugin says it.
    """
    needs = "attention" in registry.select("arch", candidate.arch).spec.needs
    flags = [("arch", candidate.arch), ("attention", settings.attention if needs else None)]
    flags += [(f"arch.{name}", value) for name, value in candidate.options.items()]
    resolved = resolve(MODEL_SCHEMA, registry, flags=flags)
    selected = preflight(registry, resolved.choices(), device=torch.device(settings.device).type)
    torch.manual_seed(settings.seed)
    backbone = build_backbone(resolved, selected)
    assert isinstance(backbone, nn.Module)
    return backbone.to(settings.device).eval()


def count(backbone: Backbone) -> int:
    """Its parameters, shared ones once."""
    assert isinstance(backbone, nn.Module)
    return sum(parameter.numel() for parameter in backbone.parameters())


def given_size(registry: Registry, arch: str, settings: Settings, extra: Mapping[str, Any]) -> Candidate:
    """The backbone at `settings.d_model` and `n_layers`; its other sizes keep their ratio to the plugin's d_model.

    Dropout is off, and a bound on the length is raised to what is measured. `extra` options count above all.
    """
    options = _sized(_defaults(registry, arch), settings.d_model, settings.n_layers, settings.longest) | dict(extra)
    rounds = "rounds" in registry.select("arch", arch).spec.capabilities
    candidate = Candidate(arch=arch, options=options, rounds=rounds)
    return dataclasses.replace(candidate, parameters=count(build_candidate(registry, candidate, settings)))


def equal_size(
    registry: Registry, given: Candidate, target: int, settings: Settings, extra: Mapping[str, Any]
) -> Candidate:
    """`given` with about `target` parameters: as it is, or by its layers, its feed-forward width, or its width.

    The first of these that comes within `CLOSE` is taken, else the closest of all; options in `extra` stay.
    """
    if _off(given.parameters, target) <= CLOSE:
        return given

    def counted(options: dict[str, Any]) -> Candidate | None:
        candidate = dataclasses.replace(given, options={**options, **extra})
        try:
            return dataclasses.replace(candidate, parameters=count(build_candidate(registry, candidate, settings)))
        except UserError:
            return None  # a size this backbone cannot have

    best = given
    for way in (_by_layers, _by_feed_forward, _by_width):
        for found in way(_defaults(registry, given.arch), given, target, settings, counted):
            if found is not None and _off(found.parameters, target) < _off(best.parameters, target):
                best = found
        if _off(best.parameters, target) <= CLOSE:
            break
    return best


Counted = Callable[[dict[str, Any]], Candidate | None]


def _by_layers(
    defaults: dict[str, Any], given: Candidate, target: int, settings: Settings, counted: Counted
) -> Iterator[Candidate | None]:
    if "n_layers" in defaults:
        layers = int(given.options["n_layers"])
        more = counted({**given.options, "n_layers": layers + 1})
        if more is not None and more.parameters > given.parameters:
            steps = (target - given.parameters) / (more.parameters - given.parameters)
            yield counted({**given.options, "n_layers": max(1, layers + round(steps))})


def _by_feed_forward(
    defaults: dict[str, Any], given: Candidate, target: int, settings: Settings, counted: Counted
) -> Iterator[Candidate | None]:
    if "ffn_dim" in defaults:
        low, high = (counted({**given.options, "ffn_dim": width}) for width in (64, 128))
        if low is not None and high is not None and high.parameters > low.parameters:
            width = 64 + 64 * (target - low.parameters) / (high.parameters - low.parameters)
            yield counted({**given.options, "ffn_dim": max(16, round(width / 16) * 16)})


def _by_width(
    defaults: dict[str, Any], given: Candidate, target: int, settings: Settings, counted: Counted
) -> Iterator[Candidate | None]:
    if "d_model" in defaults:
        width = int(given.options["d_model"]) * (target / given.parameters) ** 0.5
        step = 8 * max(1, int(given.options.get("n_heads", 1)))
        for d_model in sorted({max(step, round(width / step + shift) * step) for shift in (-1, 0, 1)}):
            yield counted(given.options | _sized(defaults, d_model, settings.n_layers, settings.longest))


def _off(parameters: int, target: int) -> float:
    return abs(parameters - target) / target


def _defaults(registry: Registry, arch: str) -> dict[str, Any]:
    options = registry.select("arch", arch).options_type()
    return {field.name: getattr(options(), field.name) for field in dataclasses.fields(options)}


def _sized(defaults: Mapping[str, Any], d_model: int, n_layers: int, longest: int) -> dict[str, Any]:
    """Options of this width and depth, as far as the plugin has fields of these names."""
    options: dict[str, Any] = {"d_model": d_model, "n_layers": n_layers, "dropout": 0.0}
    ratio = d_model / (defaults.get("d_model") or d_model)
    if isinstance(heads := defaults.get("n_heads"), int):
        fitting = [n for n in range(1, d_model + 1) if d_model % (2 * n) == 0 and n <= max(1, heads * ratio)]
        options["n_heads"] = max(fitting, default=1)
        if isinstance(shared := defaults.get("n_kv_heads"), int):
            ways = [n for n in range(1, shared + 1) if options["n_heads"] % n == 0]
            options["n_kv_heads"] = max(ways)
    if isinstance(width := defaults.get("ffn_dim"), int):
        options["ffn_dim"] = max(16, round(width * ratio / 16) * 16)
    if isinstance(bound := defaults.get("max_length"), int):
        options["max_length"] = max(bound, longest)
    return {name: value for name, value in options.items() if name in defaults}
