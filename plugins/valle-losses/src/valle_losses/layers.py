"""A checkpoint with some of its layers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from valle_core.api import Registry, RunFolder, load_model, save_checkpoint
from valle_core.plugin import UserError

_LAYER = re.compile(r"^(backbone\.(?:\w+\.)*?layers\.)(\d+)(\..*)$")


def kept_layers(before: int, layers: int) -> tuple[int, ...]:
    """Evenly spaced places, the first and the last layer among them where two or more are kept."""
    return tuple(round(place * (before - 1) / max(layers - 1, 1)) for place in range(layers))


def with_layers(model: Path, out: Path, layers: int) -> tuple[Path, int]:
    """Write the checkpoint with so many layers under `out`; returns its folder and how many there were.

    Raises:
        UserError: no checkpoint, no fewer layers than before, or a backbone whose layers cannot be told apart.
    """
    loaded = load_model(model, Registry.open(), device=torch.device("cpu"))
    before = loaded.model.backbone.n_layers
    if not layers < before:
        raise UserError(f"layers must be in [1, {before - 1}], as {model} has {before}, got {layers}")
    config = yaml.safe_load((loaded.path / "model.yaml").read_text(encoding="utf-8"))
    places = {was: now for now, was in enumerate(kept_layers(before, layers))}
    tensors, found = {}, set()
    for name, tensor in loaded.model.state_dict().items():
        layer = _LAYER.match(name)
        if layer is None:
            tensors[name] = tensor
            continue
        found.add(int(layer[2]))
        if (now := places.get(int(layer[2]))) is not None:
            tensors[f"{layer[1]}{now}{layer[3]}"] = tensor
    if found != set(range(before)) or "n_layers" not in config["arch"]:
        raise UserError(f"{model}: arch '{config['arch']['name']}' has no layers.0 … that could be dropped")
    config["arch"]["n_layers"] = layers
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    manifest = replace(loaded.manifest, progress={})
    return save_checkpoint(RunFolder(out), manifest, text, {"model": tensors}, keep=0), before
