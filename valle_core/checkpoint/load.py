"""A checkpoint back to a model: same plugins, same sizes, same weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from valle_core.assemble.model import build_model
from valle_core.assemble.schema import MODEL_SCHEMA
from valle_core.checkpoint.folder import find_checkpoint, read_manifest, read_tensors, saved_file
from valle_core.checkpoint.manifest import Manifest
from valle_core.config.resolve import read_resolved
from valle_core.config.schema import Part, Resolved
from valle_core.model.codec_lm import CodecLM
from valle_core.plugin import UserError
from valle_core.reading.tensors import check_tensors, expanded
from valle_core.registry.identity import check_plugin, warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

OF_DATA = frozenset({"codec", "frontend", "optimizer"})
"""Kinds that made the data or the weights; they are needed to speak or to go on, not to load the model."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredModel:
    """What a checkpoint says of a model, before any weight is read.

    Attributes:
        path: the checkpoint folder.
        manifest: codec identity, symbol map, languages, plugins …
        resolved: the configuration it keeps (`MODEL_SCHEMA`).
    """

    path: Path
    manifest: Manifest
    resolved: Resolved

    def load(
        self, selected: Mapping[str, tuple[Selected, ...]], *, device: torch.device, dtype: torch.dtype
    ) -> LoadedModel:
        """The model, of the plugins that a preflight gave for its slots.

        Raises:
            UserError: damaged files, or weights of another shape.
        """
        tensors = read_tensors(self.path, "model")
        manifest = self.manifest
        model = build_model(self.resolved, selected, manifest, codebooks=tensors.get("embedding.codebooks"))
        load_weights(model, tensors, self.path)
        return LoadedModel(path=self.path, manifest=manifest, model=model.to(device, dtype).eval())


def read_model(
    path: Path,
    registry: Registry,
    *,
    attention: Part | None = None,
    report: Callable[[str], None] = warn,
) -> StoredModel:
    """The model of a run folder (its newest checkpoint) or of a checkpoint folder, not loaded yet.

    Args:
        path: run or checkpoint folder.
        registry: where its plugins are looked up.
        attention: the kernel to use in place of the one it was trained with.
        report: gets a line for each plugin that is there in another version than the checkpoint was made with.

    Raises:
        UserError: no run, damaged files, or a missing plugin (named with its distribution).
    """
    checkpoint = find_checkpoint(path)
    manifest = read_manifest(checkpoint)
    instead = {} if attention is None else {"attention": attention}
    require_plugins(manifest, registry, str(path), instead=instead.keys(), report=report)
    resolved = read_resolved(MODEL_SCHEMA, registry, saved_file(checkpoint, "model.yaml"), instead)
    (arch,) = resolved.choices()["arch"][1]
    if attention is not None and "attention" not in arch.spec.needs:
        raise UserError(f"--attention: arch '{arch.name}' takes no attention; leave attention out")
    return StoredModel(path=checkpoint, manifest=manifest, resolved=resolved)


def load_model(
    path: Path,
    registry: Registry,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    attention: Part | None = None,
    report: Callable[[str], None] = warn,
) -> LoadedModel:
    """The same on its device. Raises `UserError` as `read_model`, `preflight` and `StoredModel.load`."""
    stored = read_model(path, registry, attention=attention, report=report)
    selected = preflight(registry, stored.resolved.choices(), device=device.type, dtype=name_of(dtype))
    return stored.load(selected, device=device, dtype=dtype)


def name_of(dtype: torch.dtype) -> str:
    """As plugins declare it, e.g. `float32`."""
    return str(dtype).removeprefix("torch.")


def load_weights(model: CodecLM, tensors: Mapping[str, Tensor], checkpoint: Path) -> None:
    """Fill a model with a checkpoint's tensors, expanded, once their names, shapes and types have been compared.

    Raises:
        UserError: they are another model's.
    """
    try:
        tensors = expanded(tensors, model.state_dict())
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
        UserError: a line for each that cannot be had, naming distribution, version and what installs it.
    """
    problems: list[str] = []
    for plugin in manifest.plugins:
        try:
            needed = plugin.kind not in OF_DATA and plugin.kind not in instead
            if needed and (warning := check_plugin(plugin, registry, where)):
                report(warning)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
