"""The format `safetensors`: a checkpoint by itself, that valle loads where the same plugins are.

model.safetensors · model.yaml · manifest.json     what a checkpoint of a run holds too, so `--model` takes the folder
codec/                                             weights of the codec, where the run named files of its own
training.yaml                                      how it was trained; paths are names only
plugins.json                                       who provides its parts, for `valle plugins lock --check`
README.md                                          model card
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import torch
import yaml
from torch import Tensor

from valle_core.api import (
    CommandContext,
    LoadedModel,
    Manifest,
    Registry,
    RunFolder,
    UserError,
    load_model,
    save_checkpoint,
    write_text,
)
from valle_export.card import write_card
from valle_export.lock import lock_of, write_lock
from valle_export.options import ExportOptions
from valle_export.source import Source, open_source, refuse_undefined

CODEC = "codec"
SAFE = (".safetensors", ".json")
"""Endings of the files of a codec that are taken along: what loading them can run no code."""


def write(context: CommandContext, options: ExportOptions, folder: Path) -> dict[str, Any]:
    """A `valle_export.formats.Write`."""
    return write_source(open_source(options.run, options.weights), options, folder)


def loaded_model(options: ExportOptions, registry: Registry) -> LoadedModel:
    """The model as this format stores it, on the CPU: with the weights and in the data type that were asked for."""
    with tempfile.TemporaryDirectory() as work:
        write_source(open_source(options.run, options.weights), options, Path(work))
        return load_model(Path(work), registry, device=torch.device("cpu"))


def write_source(source: Source, options: ExportOptions, folder: Path) -> dict[str, Any]:
    """The folder of a checkpoint that was read."""
    refuse_undefined(source.tensors, source.checkpoint)
    tensors = stored_as(source.tensors, getattr(torch, options.dtype))
    manifest = with_codec(replace(source.manifest, progress={}, files={}), folder)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        saved = save_checkpoint(RunFolder(Path(work)), manifest, source.config, {"model": tensors}, keep=1)
        for path in saved.iterdir():
            os.replace(path, folder / path.name)
    if source.run is not None and source.run.config.is_file():
        write_text(folder / "training.yaml", without_paths(source.run.config.read_text(encoding="utf-8")))
    lock = lock_of(manifest)
    write_lock(folder / "plugins.json", lock)
    write_card(folder / "README.md", source, options, lock)
    return {
        "step": manifest.step,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "dtype": options.dtype,
        "plugins": [str(plugin) for plugin in lock.plugins],
    }


def stored_as(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Weights in the data type they are stored in; what is no floating point number stays.

    Raises:
        UserError: a weight is too large for float16.
    """
    found = {name: one.to(dtype) if one.is_floating_point() else one for name, one in tensors.items()}
    for name, tensor in found.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"'{name}' has values too large for {str(dtype).removeprefix('torch.')}; use bfloat16")
    return found


def with_codec(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest with the files of the codec's weights in `folder`, where the run's data was made with such.

    Raises:
        UserError: they are gone, or can be loaded only by running what is in them.
    """
    options = dict(manifest.codec_options)
    for name, value in options.items():
        if not (name == "weights" or name.endswith("_weights")) or value in ("", "random"):
            continue
        path = Path(value) if os.path.isabs(value) else None
        if path is None:
            continue
        files = [path] if path.is_file() else sorted(one for one in path.glob("*") if one.suffix in SAFE)
        if not files or any(one.suffix not in SAFE for one in files):
            raise UserError(
                f"codec '{manifest.codec.name}' was built with --codec.{name.replace('_', '-')} {path}, which is "
                f"{'no safetensors file' if path.exists() else 'not there'} and cannot be taken along"
            )
        place = folder / CODEC / name
        place.mkdir(parents=True)
        for one in files:
            shutil.copyfile(one, place / one.name)
        options[name] = f"{CODEC}/{name}" if path.is_dir() else f"{CODEC}/{name}/{path.name}"
    return replace(manifest, codec_options=options)


def without_paths(config: str) -> str:
    """A run's config.yaml with the names of files and folders in place of their paths on the machine it ran on."""
    return yaml.safe_dump(_named(yaml.safe_load(config)), sort_keys=False, allow_unicode=True, width=120)


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item) for item in value]
    return PurePath(value).name if isinstance(value, str) and os.path.isabs(value) else value
