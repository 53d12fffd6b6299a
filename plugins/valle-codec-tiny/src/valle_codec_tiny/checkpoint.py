"""Training checkpoints and shipped weights as safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from valle_codec_tiny.network import NetworkSize, TinyNetwork
from valle_codec_tiny.schedule import Progress
from valle_core.plugin import UserError

FORMAT_VERSION = 1


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Tensors and JSON facts in one file; a reader sees the old file or the new one, never a part."""
    temporary = path.with_suffix(".tmp")
    metadata = {"facts": json.dumps({"format_version": FORMAT_VERSION, **facts}, sort_keys=True)}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)
    os.replace(temporary, path)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write` wrote.

    Raises:
        UserError: the file is missing, truncated, or of a newer format.
    """
    if not path.is_file():
        raise UserError(f"no codec weights at '{path}'. Give a .safetensors file made by: valle train-codec")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UserError(f"'{path}' is no codec checkpoint or is damaged ({error}). Train or copy it again") from error
    if facts.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"'{path}' has codec format {facts.get('format_version')}, this version reads {FORMAT_VERSION}. "
            "Install a matching valle-codec-tiny"
        )
    return tensors, facts


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the SHA-256 of names, dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.view(torch.uint8).numpy().tobytes() if tensor.ndim else b"")
    return digest.hexdigest()[:16]


def save_training(
    folder: Path,
    network: TinyNetwork,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    options: Mapping[str, Any],
) -> None:
    """Everything a run needs to go on, in `folder/last.safetensors`."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value
    facts = {"size": asdict(network.size), "options": dict(options), "progress": progress.facts()}
    write(folder / "last.safetensors", tensors, facts)


def load_training(
    folder: Path,
    network: TinyNetwork,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> bool:
    """Go on from `folder/last.safetensors` if it exists. The budget and the weights of the loss may be others."""
    path = folder / "last.safetensors"
    if not path.exists():
        return False
    tensors, facts = read(path)
    if facts["size"] != asdict(network.size):
        raise UserError(f"'{path}' holds a network of another size. Give the same sizes, or another --out")
    prefix = "network."
    network.load_state_dict({n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)})
    for name, parameter in network.named_parameters():
        state = {key: tensors.get(f"optimizer.{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {key: value for key, value in state.items() if value is not None}
    progress.step, progress.seconds = facts["progress"]["step"], facts["progress"]["seconds"]
    progress.skipped = facts["progress"]["skipped"]
    return True


def export(network: TinyNetwork, path: Path, facts: Mapping[str, Any]) -> None:
    """The codec's weights alone, in 16 bit."""
    skip = ("quantizer.counts", "quantizer.sums")
    tensors = {n: t.detach().to(torch.float16) for n, t in network.state_dict().items() if n not in skip}
    write(path, tensors, {"codec": "tiny", "size": asdict(network.size), **facts})


def export_run(folder: Path) -> Path:
    """Export the last checkpoint of a run to `folder/tiny.safetensors`."""
    tensors, facts = read(folder / "last.safetensors")
    network = TinyNetwork(NetworkSize(**facts["size"]))
    prefix = "network."
    network.load_state_dict({n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)})
    path = folder / "tiny.safetensors"
    export(network, path, {"options": facts["options"], "progress": facts["progress"]})
    return path


def load_network(path: Path) -> tuple[TinyNetwork, str, dict[str, Any]]:
    """Exported weights as a float32 network in eval mode, their hash, and the facts stored with them."""
    tensors, facts = read(path)
    if facts.get("codec") != "tiny":
        raise UserError(f"'{path}' holds codec '{facts.get('codec')}', not 'tiny'. Give weights of --codec tiny")
    network = TinyNetwork(NetworkSize(**facts["size"]))
    missing, unexpected = network.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    missing = [name for name in missing if name not in ("quantizer.counts", "quantizer.sums")]
    if missing or unexpected:
        raise UserError(f"'{path}' does not fit the network: missing {missing}, unexpected {list(unexpected)}")
    return network.eval().requires_grad_(False), tensors_hash(tensors), facts
