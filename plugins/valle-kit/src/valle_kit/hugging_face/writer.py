"""Writes a folder that transformers reads: config.json beside safetensors, renamed into place when complete."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from valle_kit.hugging_face.layout import CONFIG, WEIGHTS, FolderLayout


def config_of(layout: FolderLayout, sizes: Any, vocabulary: int, own: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json says about a model of these sizes; `own` are the keys that only this model has."""
    return {
        "architectures": [layout.model],
        "model_type": layout.arch,
        "vocab_size": vocabulary,
        "bos_token_id": None,
        "eos_token_id": None,
        **{theirs: getattr(sizes, ours) for ours, theirs in layout.keys.items()},
        **own,
    }


def write_folder(
    folder: Path,
    layout: FolderLayout,
    state: Mapping[str, Tensor],
    sizes: Any,
    own: Mapping[str, Any],
    *,
    table: Float[Tensor, "vocabulary D"] | None = None,
    beside: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> None:
    """Write what the layout's model reads with `from_pretrained`.

    transformers wants an embedding; without `table` a vocabulary of a single zero row is written, and the model is
    then to be run on `inputs_embeds`. `beside` are further files of tensors by name, for which transformers does not
    look.
    """
    norm = state[layout.norm]
    table = torch.zeros(1, len(norm)) if table is None else table
    config = config_of(layout, sizes, len(table), {"dtype": str(norm.dtype).removeprefix("torch."), **own})
    files = {**(beside or {}), WEIGHTS: {**state, layout.embedding: table.to(norm)}}
    write_files(folder, files, config)


def write_files(folder: Path, files: Mapping[str, Mapping[str, Tensor]], config: Mapping[str, Any]) -> None:
    """Files of tensors by name, and config.json: written beside their place and renamed, config.json last."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as scratch:
        for name, tensors in files.items():
            plain = {key: tensor.detach().contiguous().cpu() for key, tensor in tensors.items()}
            save_file(plain, Path(scratch) / name, metadata={"format": "pt"})
        (Path(scratch) / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
        for name in (*files, CONFIG):
            os.replace(Path(scratch) / name, folder / name)
