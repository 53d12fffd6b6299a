"""Hugging Face's Mamba folders (config.json beside safetensors): read unchanged, written so that HF reads them.

The second direction is no part of them. It lies in a file of its own beside the model, which HF does not look at.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_mamba.backbone import MambaBackbone
from valle_mamba.options import Mamba2Options, MambaOptions
from valle_mamba.sizes import Mamba2Sizes, MambaSizes, Sizes

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SECOND = "second_direction.safetensors"
NOT_OURS = ("embeddings.", "embedding.", "lm_head.")
"""Tensors of a folder that a backbone has no use for: the embedding and the head belong to the model around it."""

KEYS = {
    "d_model": "hidden_size",
    "n_layers": "num_hidden_layers",
    "d_state": "state_size",
    "d_conv": "conv_kernel",
    "expand": "expand",
    "conv_bias": "use_conv_bias",
    "bias": "use_bias",
    "norm_eps": "layer_norm_epsilon",
}
MAMBA_KEYS = {**KEYS, "dt_rank": "time_step_rank"}
MAMBA2_KEYS = {**KEYS, "head_dim": "head_dim", "n_groups": "n_groups"}


def mamba_sizes_in(folder: Path, options: MambaOptions) -> MambaSizes:
    """The sizes written in `folder/config.json`.

    Raises:
        UserError: no such folder, not a Mamba, a variant that is not supported, or an option that was set to
            something else than the folder says.
    """
    config = _read_config(folder, "mamba")
    return MambaSizes(**_read(folder, config, MAMBA_KEYS, options), max_length=options.max_length)


def mamba2_sizes_in(folder: Path, options: Mamba2Options) -> Mamba2Sizes:
    """As `mamba_sizes_in`, for a Mamba-2."""
    config = _read_config(folder, "mamba2")
    limit = [_number(bound) for bound in config.get("time_step_limit") or (0.0, "inf")]
    return Mamba2Sizes(
        **_read(folder, config, MAMBA2_KEYS, options),
        max_length=options.max_length,
        dt_limit=(limit[0], limit[1]),
    )


def load_weights(backbone: MambaBackbone, folder: Path) -> None:
    """Fill the backbone with the folder's tensors, of a model with or without a head.

    A folder without a second direction gives its own to both directions of a bidirectional backbone, with a warning:
    full rows then begin as the mean of two readings by the same weights.

    Raises:
        UserError: no safetensors, a missing or foreign tensor, or a shape that differs.
    """
    found: dict[str, Tensor] = {}
    for file in _weight_files(folder, backbone.sizes.arch):
        for key, tensor in _tensors(file, folder, backbone.sizes.arch):
            name = key.removeprefix("backbone.").removeprefix("model.")
            if not name.startswith(NOT_OURS):
                found[name] = tensor
    if backbone.bidirectional and (folder / SECOND).is_file():
        found |= dict(_tensors(folder / SECOND, folder, backbone.sizes.arch))
    elif backbone.bidirectional:
        warnings.warn(
            f"arch '{backbone.sizes.arch}': {str(folder)!r} has no second direction; it starts as a copy of the first "
            "(train it, or set full_rows = 'causal' to do without)",
            stacklevel=2,
        )
        found |= {name: found[source] for name, source in _copies(backbone).items() if source in found}
        found |= {name: tensor for name, tensor in backbone.state_dict().items() if ".merge." in name}
    wanted = backbone.state_dict()
    if wanted.keys() != found.keys():
        odd = sorted(wanted.keys() ^ found.keys())[0]
        reason = "missing" if odd in wanted else f"not one of {backbone.sizes.arch}"
        raise _refuse(folder, backbone.sizes.arch, f"tensor {odd!r} is {reason}")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            sizes = f"{list(tensor.shape)}, config.json says {list(wanted[name].shape)}"
            raise _refuse(folder, backbone.sizes.arch, f"{name} is {sizes}")
        wanted[name].copy_(tensor)


def save_folder(
    backbone: MambaBackbone, folder: Path, *, embeddings: Float[Tensor, "vocabulary D"] | None = None
) -> None:
    """Write what `MambaModel.from_pretrained` or `Mamba2Model.from_pretrained` reads.

    HF wants an embedding; without one a vocabulary of a single zero row is written, and the model is then to be run on
    `inputs_embeds`. A second direction goes into a file of its own. Files are written beside their place and renamed.
    """
    sizes = backbone.sizes
    state = {name: tensor.detach().contiguous().cpu() for name, tensor in backbone.state_dict().items()}
    second = {name: state.pop(name) for name in list(state) if is_second(name)}
    table = torch.zeros(1, sizes.d_model) if embeddings is None else embeddings
    state["embeddings.weight"] = table.detach().to(state["norm_f.weight"].dtype).contiguous().cpu()
    config = hf_config(sizes, len(table), state["norm_f.weight"].dtype)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        names = [WEIGHTS, "config.json"]
        save_file(state, Path(scratch) / WEIGHTS, metadata={"format": "pt"})
        if second:
            names.insert(0, SECOND)
            save_file(second, Path(scratch) / SECOND, metadata={"format": "pt"})
        (Path(scratch) / "config.json").write_text(json.dumps(config, indent=2) + "\n")  # Python reads its Infinity
        for name in names:
            os.replace(Path(scratch) / name, folder / name)
    if not second:
        (folder / SECOND).unlink(missing_ok=True)


def hf_config(sizes: Sizes, vocabulary: int, dtype: torch.dtype) -> dict[str, Any]:
    """What config.json says about a model of these sizes."""
    keys = MAMBA_KEYS if isinstance(sizes, MambaSizes) else MAMBA2_KEYS
    config: dict[str, Any] = {
        "architectures": ["MambaModel" if isinstance(sizes, MambaSizes) else "Mamba2Model"],
        "model_type": sizes.arch,
        "hidden_act": "silu",
        "vocab_size": vocabulary,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        "dtype": str(dtype).removeprefix("torch."),
        **{theirs: getattr(sizes, ours) for ours, theirs in keys.items()},
    }
    if isinstance(sizes, MambaSizes):
        return config | {"intermediate_size": sizes.d_inner}
    return config | {"num_heads": sizes.n_heads, "time_step_limit": list(sizes.dt_limit)}


def _number(bound: Any) -> float:
    """HF writes an infinity as {"__float__": "Infinity"}."""
    return float(bound["__float__"] if isinstance(bound, dict) else bound)


def is_second(name: str) -> bool:
    """Whether a tensor belongs to the second direction, which HF does not know."""
    return ".mixer.reverse." in name or ".mixer.merge." in name


def _copies(backbone: MambaBackbone) -> Mapping[str, str]:
    """Tensor of the second direction → the one of the first that it starts from."""
    names = (name for name in backbone.state_dict() if ".mixer.reverse." in name)
    return {name: name.replace(".reverse.", ".") for name in names}


def _read_config(folder: Path, arch: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise _refuse(folder, arch, "there is no such folder")
    wanted = "MambaModel" if arch == "mamba" else "Mamba2Model"
    try:
        config = read_json(folder / "config.json", infinities=True)  # HF's folders of Mamba-2 hold one
    except FileNotFoundError:
        raise _refuse(
            folder, arch, f"it has no config.json; give a folder written by {wanted}.save_pretrained"
        ) from None
    except (OSError, ValueError) as error:
        raise _refuse(folder, arch, f"config.json cannot be read ({error})") from None
    if not isinstance(config, dict) or config.get("model_type") != arch:
        kind = config.get("model_type") if isinstance(config, dict) else None
        raise _refuse(folder, arch, f"its model_type is {kind!r}, not {arch!r}")
    if config.get("hidden_act", "silu") not in ("silu", "swish"):
        raise _refuse(folder, arch, f"its hidden_act is {config['hidden_act']!r}, arch '{arch}' knows only 'silu'")
    return config


def _read(
    folder: Path, config: Mapping[str, Any], keys: Mapping[str, str], options: MambaOptions | Mamba2Options
) -> dict[str, Any]:
    try:
        read = {ours: config[theirs] for ours, theirs in keys.items()}
    except KeyError as missing:
        raise _refuse(folder, config["model_type"], f"its config.json lacks {missing}") from None
    if read["expand"] != int(read["expand"]):
        raise _refuse(folder, config["model_type"], f"its expand is {read['expand']}, not a whole number")
    for field in fields(options):
        asked = getattr(options, field.name)
        if field.name in read and asked != field.default and asked != read[field.name]:
            said = f"it has {field.name} = {read[field.name]} and the options ask for {asked}"
            raise _refuse(folder, config["model_type"], said)
    return read | {"expand": int(read["expand"])}


def _tensors(file: Path, folder: Path, arch: str) -> Iterator[tuple[str, Tensor]]:
    try:
        with safe_open(file, framework="pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118 (a safe_open handle is no dict)
                yield key, tensors.get_tensor(key)
    except (SafetensorError, OSError) as error:
        raise _refuse(folder, arch, f"{file.name} cannot be read ({error})") from None


def _weight_files(folder: Path, arch: str) -> Iterator[Path]:
    if (folder / WEIGHTS).is_file():
        yield folder / WEIGHTS
        return
    try:
        shards = set(read_json(folder / INDEX)["weight_map"].values())
    except FileNotFoundError:
        raise _refuse(folder, arch, f"it has no {WEIGHTS}; pickled weights are not read, save as safetensors") from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise _refuse(folder, arch, f"{INDEX} cannot be read ({error})") from None
    for name in sorted(shards):
        if Path(name).name != name:
            raise _refuse(folder, arch, f"{INDEX} points outside the folder: {name!r}")
        yield folder / name


def _refuse(folder: Path, arch: str, reason: str) -> UserError:
    return UserError(f"arch '{arch}' cannot start from {str(folder)!r}: {reason}")
