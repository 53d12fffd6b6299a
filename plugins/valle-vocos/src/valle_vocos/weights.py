"""Where the weights of Vocos come from: a file, a folder, the Hub, or chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from valle_core.plugin import UserError
from valle_kit.codes.pretrained import Fetch, Published, fetch_from_hub, find_published, read_tensors
from valle_vocos.network import Sizes, VocosNetwork

PUBLISHED = Published(codec="vocos", repository="charactr/vocos-encodec-24khz", files=("pytorch_model.bin",))
CODEBOOKS = "feature_extractor.codebook_weights"


def load(source: str, fetch: Fetch = fetch_from_hub) -> dict[str, Tensor]:
    """Weights in the original's names, without the copy of EnCodec and the window that a checkpoint may hold.

    Raises:
        UserError: nothing there, damaged, or not of the Vocos that decodes EnCodec.
    """
    path = Path(source).expanduser() if source else find_published(PUBLISHED, fetch)
    if path.is_dir():
        path = next((path / file for file in ("model.safetensors", *PUBLISHED.files) if (path / file).is_file()), path)
        if path.is_dir():
            raise UserError(f"folder '{path}' holds no weights of Vocos. It needs pytorch_model.bin")
    read = read_tensors(path)
    tensors = {
        name: tensor.float()
        for name, tensor in read.items()
        if isinstance(tensor, Tensor) and (name == CODEBOOKS or name.startswith(("backbone.", "head.out.")))
    }
    if CODEBOOKS not in tensors or "backbone.norm.scale.weight" not in tensors:
        raise UserError(
            f"'{path}' is not a Vocos that decodes EnCodec's codes (it lacks '{CODEBOOKS}' or the bandwidths). "
            "Give charactr/vocos-encodec-24khz"
        )
    return tensors


def sizes_of(tensors: Mapping[str, Tensor], hop: int) -> Sizes:
    """The sizes that fit the weights."""
    width, latent = tensors["backbone.embed.weight"].shape[:2]
    blocks = {name.split(".")[2] for name in tensors if name.startswith("backbone.convnext.")}
    return Sizes(
        latent=latent,
        width=width,
        inner=tensors["backbone.convnext.0.pwconv1.weight"].shape[0],
        blocks=len(blocks),
        bandwidths=tensors["backbone.norm.scale.weight"].shape[0],
        window=tensors["head.out.weight"].shape[0] - 2,
        hop=hop,
    )


def random(sizes: Sizes, codebooks: Tensor, seed: int) -> dict[str, Tensor]:
    """Untrained weights around given codebooks [Q, V, d], equal for equal seeds; each bandwidth id speaks otherwise."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = VocosNetwork(sizes)
        for name, parameter in network.named_parameters():
            if name.endswith((".scale.weight", ".shift.weight")):
                parameter.normal_(1.0 if "scale" in name else 0.0, 0.1)
        network.head.out.bias[: sizes.window // 2 + 1] -= 2  # quieter than full scale
        tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    return {CODEBOOKS: codebooks.reshape(-1, codebooks.shape[-1]).clone(), **tensors}
