"""Weights on disk: safetensors under torchscale's names, read from anywhere, written as a Hugging Face folder."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_retnet.options import RetNetOptions, RetNetSizes, sizes_of
from valle_retnet.tables import angles, log_decays

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
MODEL_TYPE = "valle-retnet"
PREFIX = re.compile(r"^(model\.)?(decoder\.)?")
NOT_OURS = ("embed_tokens.", "output_projection.", "lm_head.", "retnet_rel_pos.", "layernorm_embedding.")
"""Tensors that a backbone has no use for: what surrounds it in a model, and constants that follow from the sizes."""
OURS_ALONE = ".retention.merge"
"""The one tensor per layer that torchscale's weights lack; it keeps its initial value then."""


def sizes_in(path: Path, options: RetNetOptions) -> RetNetSizes:
    """The sizes of the weights at `path`, a folder with or without our config.json, or one safetensors file.

    Without config.json they are read off the tensors, and what no tensor shows (activation, norm_eps, and n_heads
    where the file lacks torchscale's decay) is taken from the options. Decays that nothing tells are the paper's.

    Raises:
        UserError: nothing readable there, no RetNet, or an option set to something else than the weights say.
    """
    config = _config(path)
    read = _sizes_of_tensors(path, options) if config is None else _sizes_of_config(path, config)
    for field in fields(RetNetOptions):
        asked = getattr(options, field.name)
        if field.name in read and asked != field.default and asked != read[field.name]:
            raise _refuse(path, f"it has {field.name} = {read[field.name]} and the options ask for {asked}")
    known = {name: value for name, value in asdict(options).items() if name not in read}
    return sizes_of(RetNetOptions(**known | read))


def load_weights(backbone: nn.Module, path: Path) -> None:
    """Fill the backbone with the tensors at `path`, under whatever model they were saved.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    wanted = {name: tensor for name, tensor in backbone.state_dict().items() if not name.startswith(NOT_OURS)}
    found = dict(_tensors(path))
    spare = {name for name in wanted.keys() ^ found.keys() if name.endswith(OURS_ALONE)}
    odd = sorted((wanted.keys() ^ found.keys()) - spare)
    if odd:
        raise _refuse(path, f"tensor {odd[0]!r} is {'missing' if odd[0] in wanted else 'not one of this RetNet'}")
    for name in wanted.keys() & found.keys():
        if found[name].shape != wanted[name].shape:
            raise _refuse(path, f"{name} is {list(found[name].shape)}, expected {list(wanted[name].shape)}")
        wanted[name].copy_(found[name])


def torchscale_state(backbone: nn.Module, sizes: RetNetSizes) -> dict[str, Tensor]:
    """What `RetNetDecoder.load_state_dict` takes, strictly, when it has neither embedding nor output layer.

    What our second direction adds is left out: torchscale reads causal rows only.
    """
    state = {name: tensor for name, tensor in backbone.state_dict().items() if not name.endswith(OURS_ALONE)}
    cpu = torch.device("cpu")
    state["retnet_rel_pos.angle"] = angles(sizes, cpu).repeat_interleave(2)
    state["retnet_rel_pos.decay"] = log_decays(sizes, cpu)
    return state


def save_folder(backbone: nn.Module, sizes: RetNetSizes, folder: Path) -> None:
    """Write what `RetNetModel.from_pretrained` and the option `weights` read; needs no transformers.

    Files are written beside their place and renamed.
    """
    state = {f"decoder.{name}": tensor.detach().contiguous().cpu() for name, tensor in backbone.state_dict().items()}
    config = {"architectures": ["RetNetModel"], "model_type": MODEL_TYPE, "vocab_size": 0, **asdict(sizes)}
    config["max_positions"] = config.pop("max_length")
    config["dtype"] = str(next(iter(state.values())).dtype).removeprefix("torch.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        save_file(state, Path(scratch) / WEIGHTS, metadata={"format": "pt"})
        (Path(scratch) / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        for name in (WEIGHTS, "config.json"):
            os.replace(Path(scratch) / name, folder / name)


def _config(path: Path) -> Mapping[str, Any] | None:
    if not path.exists():
        raise _refuse(path, "there is no such folder or file")
    file = path / "config.json"
    if path.is_file() or not file.is_file():
        return None
    try:
        config = read_json(file)
    except (OSError, ValueError) as error:
        raise _refuse(path, f"config.json cannot be read ({error})") from None
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != MODEL_TYPE:
        raise _refuse(path, f"its model_type is {kind!r}, not {MODEL_TYPE!r}")
    return config


def _sizes_of_config(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields(RetNetSizes) if field.name not in ("max_length", "full_rows")]
    config = {"decays": [], **config}
    lacks = [name for name in names if name not in config]
    if lacks:
        raise _refuse(path, f"its config.json lacks {lacks[0]!r}")
    return {name: config[name] for name in names} | {"decays": tuple(config["decays"])}


def _sizes_of_tensors(path: Path, options: RetNetOptions) -> dict[str, Any]:
    tensors = _tensors(path, with_constants=True)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    first = "layers.0.retention."
    if f"{first}v_proj.weight" not in shapes or "layers.0.ffn.fc1.weight" not in shapes:
        if any(".experts." in name or ".moe_layer." in name for name in shapes):
            raise _refuse(path, "its experts need the config.json that save_pretrained writes beside them")
        raise _refuse(path, "its tensors are not those of a RetNet")
    read: dict[str, Any] = {
        "decays": (),
        "d_model": shapes[f"{first}v_proj.weight"][1],
        "value_dim": shapes[f"{first}v_proj.weight"][0],
        "ffn_dim": shapes["layers.0.ffn.fc1.weight"][0],
        "n_layers": 1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("layers.")),
    }
    decay = tensors.get("retnet_rel_pos.decay")
    if decay is None:
        return read
    read["n_heads"] = len(decay)
    for decays in ((), options.decays):
        meant = sizes_of(replace(options, weights=None, **read | {"decays": decays}))
        if torch.allclose(decay.float(), log_decays(meant, torch.device("cpu")), rtol=1e-3, atol=0):
            return read | {"decays": decays}
    raise _refuse(
        path, "its heads forget neither as the paper's nor as `decays` says; give the decays it was made with"
    )


def _tensors(path: Path, *, with_constants: bool = False) -> dict[str, Tensor]:
    """All tensors a backbone has, by torchscale's name inside its decoder."""
    found: dict[str, Tensor] = {}
    for file in _files(path):
        try:
            with safe_open(file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 (a safe_open handle is no dict)
                    name = PREFIX.sub("", key)
                    constant = with_constants and name.startswith("retnet_rel_pos.")
                    if constant or not name.startswith(NOT_OURS):
                        found[name] = tensors.get_tensor(key)
        except (SafetensorError, OSError) as error:
            raise _refuse(path, f"{file.name} cannot be read ({error})") from None
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / WEIGHTS).is_file():
        return [path / WEIGHTS]
    try:
        shards = set(read_json(path / INDEX)["weight_map"].values())
    except FileNotFoundError:
        raise _refuse(path, f"it has no {WEIGHTS}; pickled weights are not read, save as safetensors") from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise _refuse(path, f"{INDEX} cannot be read ({error})") from None
    for name in shards:
        if Path(name).name != name:
            raise _refuse(path, f"{INDEX} points outside the folder: {name!r}")
    return [path / name for name in sorted(shards)]


def _refuse(path: Path, reason: str) -> UserError:
    return UserError(f"arch 'retnet' cannot start from {str(path)!r}: {reason}")
