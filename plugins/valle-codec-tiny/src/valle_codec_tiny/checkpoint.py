"""Training checkpoints and shipped weights as safetensors, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from valle_codec_tiny.network import SIZES, NetworkSize, TinyNetwork
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
        why = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' is not a codec checkpoint or is damaged ({why}). Train or copy it again") from error
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


class Part(NamedTuple):
    """A module that a run trains, and what steps it; None where it only follows another."""

    module: nn.Module
    optimizer: torch.optim.Optimizer | None


def save_training(
    folder: Path, parts: Mapping[str, Part], size: NetworkSize, progress: Progress, options: Mapping[str, Any]
) -> None:
    """Everything a run needs to go on, in `folder/last.safetensors`."""
    tensors: dict[str, Tensor] = {}
    for part, (module, optimizer) in parts.items():
        tensors |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
        for name, parameter in module.named_parameters():
            for key, value in (optimizer.state.get(parameter, {}) if optimizer else {}).items():
                tensors[f"{_optimizer(part)}.{key}.{name}"] = value
    facts = {"size": asdict(size), "options": dict(options), "progress": progress.facts()}
    write(folder / "last.safetensors", tensors, facts)


def load_training(folder: Path, parts: Mapping[str, Part], size: NetworkSize, progress: Progress) -> bool:
    """Go on from `folder/last.safetensors` if it exists. The budget and the weights of the loss may be others.

    A part that the checkpoint does not hold starts as it is: discriminators may join a run that began without.
    """
    path = folder / "last.safetensors"
    if not path.exists():
        return False
    tensors, facts = read(path)
    if NetworkSize(**facts["size"]) != size:
        raise UserError(f"'{path}' holds a network of another size. Give the same sizes, or another --out")
    for part, (module, optimizer) in parts.items():
        state = _under(tensors, part)
        if not state:
            continue
        module.load_state_dict(state)
        if optimizer is None:
            continue
        for name, parameter in module.named_parameters():
            kept = {key: tensors.get(f"{_optimizer(part)}.{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {key: value for key, value in kept.items() if value is not None}
    progress.step, progress.seconds = facts["progress"]["step"], facts["progress"]["seconds"]
    progress.skipped = facts["progress"]["skipped"]
    return True


def _optimizer(part: str) -> str:
    return "optimizer" if part == "network" else f"{part}-optimizer"


def _under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def export(network: TinyNetwork, path: Path, facts: Mapping[str, Any], *, codec: str = "tiny") -> None:
    """The codec's weights alone, in 16 bit."""
    skip = ("quantizer.counts", "quantizer.sums")
    tensors = {n: t.detach().to(torch.float16) for n, t in network.state_dict().items() if n not in skip}
    write(path, tensors, {"codec": codec, "size": asdict(network.size), **facts})


def export_run(folder: Path) -> Path:
    """Export the last checkpoint of a run to `folder/CODEC.safetensors`; its averaged weights where it has them."""
    tensors, facts = read(folder / "last.safetensors")
    network = TinyNetwork(NetworkSize(**facts["size"]))
    network.load_state_dict(_under(tensors, "average") or _under(tensors, "network"))
    codec = facts["options"].get("codec", "tiny")
    path = folder / f"{codec}.safetensors"
    export(network, path, {"options": facts["options"], "progress": facts["progress"]}, codec=codec)
    return path


def load_network(path: Path) -> tuple[TinyNetwork, str, dict[str, Any]]:
    """Exported weights as a float32 network in eval mode, their hash, and the facts stored with them."""
    tensors, facts = read(path)
    if facts.get("codec") not in SIZES:
        known = " or ".join(SIZES)
        raise UserError(f"'{path}' holds codec '{facts.get('codec')}', not '{known}'. Give weights of --codec {known}")
    network = TinyNetwork(NetworkSize(**facts["size"]))
    missing, unexpected = network.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    missing = [name for name in missing if name not in ("quantizer.counts", "quantizer.sums")]
    if missing or unexpected:
        raise UserError(f"'{path}' does not fit the network: missing {missing}, unexpected {list(unexpected)}")
    return network.eval().requires_grad_(False), tensors_hash(tensors), facts
