"""Weights on disk: safetensors under torchscale's names, read from anywhere, written as a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_kit.hugging_face.layout import WEIGHTS, FolderLayout
from valle_kit.hugging_face.reader import FolderReader
from valle_kit.hugging_face.writer import write_files
from valle_retnet.options import RetNetOptions, RetNetSizes, sizes_of
from valle_retnet.tables import angles, log_decays

MODEL_TYPE = "valle-retnet"
NOT_OURS = ("embed_tokens.", "output_projection.", "lm_head.", "retnet_rel_pos.", "layernorm_embedding.")
"""Tensors that a backbone has no use for: what surrounds it in a model, and constants that follow from the sizes."""
OURS_ALONE = ".retention.merge"
"""The one tensor per layer that torchscale's weights lack; it keeps its initial value then."""

LAYOUT = FolderLayout(
    arch="retnet", model="RetNetModel", model_type=MODEL_TYPE, prefixes=("model.", "decoder."), around=NOT_OURS
)


def sizes_in(path: Path, options: RetNetOptions) -> RetNetSizes:
    """The sizes of the weights at `path`, a folder with or without our config.json, or one safetensors file.

    Without config.json they are read off the tensors, and what no tensor shows (activation, norm_eps, and n_heads
    where the file lacks torchscale's decay) is taken from the options. Decays that nothing tells are the paper's.

    Raises:
        UserError: nothing readable there, no RetNet, or an option set to something else than the weights say.
    """
    config = _config(path)
    read = _sizes_of_tensors(path, options) if config is None else _sizes_of_config(path, config)
    FolderReader(path, LAYOUT).check_agreement(read, options)
    known = {name: value for name, value in asdict(options).items() if name not in read}
    return sizes_of(RetNetOptions(**known | read))


def load_weights(backbone: nn.Module, path: Path) -> None:
    """Fill the backbone with the tensors at `path`, under whatever model they were saved.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    reader, state = FolderReader(path, LAYOUT), backbone.state_dict()
    kept = {name: tensor for name, tensor in state.items() if name.endswith(OURS_ALONE) or name.startswith(NOT_OURS)}
    read = {name: tensor for name, tensor in reader.tensors().items() if name in state or not name.endswith(OURS_ALONE)}
    reader.fill(backbone, kept | read, source="expected")


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
    state = {f"decoder.{name}": tensor for name, tensor in backbone.state_dict().items()}
    config = {"architectures": ["RetNetModel"], "model_type": MODEL_TYPE, "vocab_size": 0, **asdict(sizes)}
    config["max_positions"] = config.pop("max_length")
    config["dtype"] = str(next(iter(state.values())).dtype).removeprefix("torch.")
    write_files(folder, {WEIGHTS: state}, config)


def _config(path: Path) -> Mapping[str, Any] | None:
    if not path.exists():
        raise _refuse(path, "there is no such folder or file")
    return FolderReader(path, LAYOUT).config() if (path / "config.json").exists() else None


def _sizes_of_config(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in fields(RetNetSizes) if field.name not in ("max_length", "full_rows")]
    config = {"decays": [], **config}
    lacks = [name for name in names if name not in config]
    if lacks:
        raise _refuse(path, f"its config.json lacks {lacks[0]!r}")
    return {name: config[name] for name in names} | {"decays": tuple(config["decays"])}


def _sizes_of_tensors(path: Path, options: RetNetOptions) -> dict[str, Any]:
    constants = "retnet_rel_pos."
    around = tuple(name for name in NOT_OURS if name != constants)
    tensors = FolderReader(path, replace(LAYOUT, around=around)).tensors()
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


def _refuse(path: Path, reason: str) -> UserError:
    return FolderReader(path, LAYOUT).refuse(reason)
