"""Weights of other people's models: found in a folder, a file, the Hub's cache or the Hub, and read without pickle."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """Where weights are published.

    Attributes:
        codec: registry name, for messages.
        repository: on the Hub.
        files: that are needed of it, weights first.
        flag: the option that takes a local copy.
        kind: of the plugin, for messages.
    """

    codec: str
    repository: str
    files: tuple[str, ...] = ("model.safetensors", "config.json")
    flag: str = "--codec.weights"
    kind: str = "codec"


Fetch = Callable[[str, str, bool], str]
"""(repository, file, only from the cache) → path; raises any exception where it cannot."""


def fetch_from_hub(repository: str, file: str, cached: bool) -> str:
    """Path of a file of the Hub, downloaded with a progress bar unless it is in the cache."""
    from huggingface_hub import hf_hub_download  # a dependency of the plugins that publish weights, not of the core

    return hf_hub_download(repository, file, local_files_only=cached)


def find_published(published: Published, fetch: Fetch = fetch_from_hub) -> Path:
    """The folder that holds the published files.

    Raises:
        UserError: they are neither cached nor to be had; says what to fetch and where to put it.
    """
    for cached in (True, False):
        try:
            paths = [fetch(published.repository, file, cached) for file in published.files]
        except Exception as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120].rstrip(". ")
            continue
        return Path(paths[0]).parent
    raise UserError(
        f"{published.kind} '{published.codec}' has no weights here and cannot fetch them ({reason}). "
        f"Fetch {_listed(published.files)} of https://huggingface.co/{published.repository} into a folder and "
        f"give {published.flag} FOLDER"
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def read_tensors(path: Path) -> dict[str, Any]:
    """What a `.safetensors` file or a PyTorch checkpoint holds; of the latter, only tensors and plain containers.

    Raises:
        UserError: missing, damaged, or with other contents.
    """
    if not path.is_file():
        raise UserError(f"no weights at '{path}'. Give a folder or a file that exists")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        read = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler's own class cannot be named without importing it
        raise _unreadable(path, error) from error
    if not isinstance(read, Mapping):
        raise UserError(f"weights '{path}' hold a {type(read).__name__}, not tensors by name. Give another file")
    return dict(read)


def _unreadable(path: Path, error: Exception) -> UserError:
    if type(error).__name__ == "UnpicklingError":  # whose own words are how to load it all the same
        reason = "damaged, or with objects in it that are not tensors and may run code"
        return UserError(f"weights '{path}' cannot be read ({reason}). Fetch the file again, or give tensors only")
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    return UserError(f"weights '{path}' cannot be read ({reason}). Fetch the file again")


def read_folder(folder: Path, files: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors of the first of `files` that the folder has, and its `config.json`.

    Raises:
        UserError: one of the two is missing or damaged.
    """
    found = [folder / file for file in files if (folder / file).is_file()]
    if not found:
        raise UserError(f"folder '{folder}' holds no weights. It needs {' or '.join(files)}")
    path = folder / "config.json"
    try:
        config = read_json(path)
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is missing or damaged. Fetch it beside the weights") from error
    if not isinstance(config, dict):
        raise UserError(f"'{path}' is not a configuration. Fetch it beside the weights")
    return read_tensors(found[0]), config


_MAGNITUDE = re.compile(r"^(?P<name>.*)\.(?:weight_g|parametrizations\.weight\.original0)$")


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with each normed one (w = g · v / ‖v‖) in one tensor, as float32."""
    folded = {name: tensor.float() for name, tensor in tensors.items()}
    for name in list(folded):
        if match := _MAGNITUDE.match(name):
            g = folded.pop(name)
            direction = name[: -len("weight_g")] + "weight_v" if name.endswith("_g") else name[:-1] + "1"
            if direction not in folded:
                raise UserError(f"weights have '{name}' without '{direction}'. Fetch the file again")
            v = folded.pop(direction)
            folded[f"{match['name']}.weight"] = v * (g / v.flatten(1).norm(dim=1).reshape(-1, *[1] * (v.ndim - 1)))
    return folded


def load_strictly(
    module: torch.nn.Module, tensors: Mapping[str, Tensor], where: str, spare: Callable[[str], bool] = lambda _: False
) -> None:
    """`load_state_dict` in which only missing names that `spare` accepts are forgiven.

    Raises:
        UserError: names or shapes do not fit; says which, and where the tensors are from.
    """
    wanted = module.state_dict()
    missing = sorted(name for name in wanted.keys() - tensors.keys() if not spare(name))
    other = sorted(tensors.keys() - wanted.keys())
    shapes = sorted(
        name
        for name in wanted.keys() & tensors.keys()
        if wanted[name].numel() and wanted[name].shape != tensors[name].shape
    )
    for what, names in (("lack", missing), ("have an unknown", other), ("have another size of", shapes)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UserError(f"weights '{where}' {what} '{names[0]}'{more}. Give weights of this model and variant")
    module.load_state_dict(dict(tensors), strict=False)


def without_weight_norm(make: Callable[[], Any]) -> Any:
    """The model that `make` makes, for inference, with plain weights in the place of weight norm of either kind.

    What its making draws is overwritten by weights anyway: the caller's randomness stays as it is.
    """
    with torch.random.fork_rng(devices=[]):
        model = make()
    for module in model.modules():
        if is_parametrized(module):
            remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    return model.eval().requires_grad_(False)


def draw_convolutions(module: torch.nn.Module) -> None:
    """Draw the weights of all convolutions so that a signal keeps its size through them; biases are zero.

    Untrained codecs are made with it: with the usual initialisation, a sound has faded by the time it is a latent.
    """
    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            transposed = isinstance(layer, torch.nn.ConvTranspose1d)
            taps = layer.kernel_size[0] / (layer.stride[0] if transposed else 1)
            torch.nn.init.normal_(layer.weight, std=(taps * layer.in_channels / layer.groups) ** -0.5)
            if layer.bias is not None:
                torch.nn.init.zeros_(layer.bias)
