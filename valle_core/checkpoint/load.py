"""A checkpoint back to a model: same plugins, same sizes, same weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from valle_core.assemble.model import ModelFacts, build_model
from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.checkpoint.folder import find_checkpoint, read_manifest, read_tensors, saved_file
from valle_core.checkpoint.manifest import Manifest
from valle_core.config.resolve import resolve
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.reading.tensors import check_tensors
from valle_core.registry.identity import check_plugin, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry

OF_DATA = frozenset({"codec", "frontend"})
"""Kinds that made the data; they are needed to speak, not to load the model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model in eval mode and what its checkpoint says.

    Attributes:
        path: the checkpoint folder.
        manifest: codec identity, symbol map, languages, plugins …
        model: on its device.
    """

    path: Path
    manifest: Manifest
    model: CodecLM


def load_model(
    path: Path,
    registry: Registry,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    overrides: Iterable[tuple[str, Any]] = (),
    report: Callable[[str], None] = warn,
) -> LoadedModel:
    """The model of a run folder (its newest checkpoint) or of a checkpoint folder.

    Args:
        path: run or checkpoint folder.
        registry: where its plugins are looked up.
        device, dtype: where and in what the model computes.
        overrides: changed settings that do not change weights, e.g. `("attention", "eager")`.
        report: gets a line for each plugin that is there in another version than the checkpoint was made with.

    Raises:
        UserError: no run, damaged files, a missing plugin (named with its distribution), or weights of another shape.
    """
    checkpoint = find_checkpoint(path)
    manifest = read_manifest(checkpoint)
    changed = list(overrides)
    require_plugins(manifest, registry, str(path), instead={key for key, _ in changed}, report=report)
    saved = saved_file(checkpoint, "model.yaml")
    resolved = resolve(MODEL_SCHEMA, registry, yaml_file=saved, flags=changed, stored=True)
    selected = preflight(registry, resolved.choices(), device=device.type, dtype=str(dtype).removeprefix("torch."))
    tensors = read_tensors(checkpoint, "model")
    facts = ModelFacts(codec=manifest.codec, symbols=len(manifest.symbols), languages=len(manifest.languages))
    model = build_model(resolved, selected, facts, codebooks=tensors.get("embedding.codebooks"))
    load_weights(model, tensors, checkpoint)
    return LoadedModel(path=checkpoint, manifest=manifest, model=model.to(device, dtype).eval())


def load_weights(model: CodecLM, tensors: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Fill a model with a checkpoint's tensors once their names, shapes and types have been compared.

    Raises:
        UserError: they are another model's.
    """
    try:
        check_tensors(tensors, model.state_dict())
    except ValueError as error:
        raise UserError(
            f"{checkpoint}: its weights do not fit its model.yaml ({error}); use another checkpoint"
        ) from None
    model.load_state_dict(dict(tensors))


def require_plugins(
    manifest: Manifest,
    registry: Registry,
    where: str,
    *,
    instead: Collection[str] = frozenset(),
    report: Callable[[str], None] = warn,
) -> None:
    """Checks the plugins a checkpoint's model is made of, and reports those of another version.

    Kinds in `instead` are not looked for: another plugin of theirs was chosen.

    Raises:
        UserError: naming distribution, version and install line of the first that cannot be had.
    """
    for plugin in manifest.plugins:
        needed = plugin.kind not in OF_DATA and plugin.kind not in instead
        if needed and (warning := check_plugin(plugin, registry, where)):
            report(warning)
