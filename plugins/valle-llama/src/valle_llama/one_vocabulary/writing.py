"""Writes level 0 of a model as a folder of `LlamaForCausalLM`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from valle_core.api import LoadedModel, Registry, load_model, write_text
from valle_kit.hugging_face.writer import config_of, write_files
from valle_llama.folder import own_keys
from valle_llama.one_vocabulary.ids import STOP, OneVocabulary
from valle_llama.one_vocabulary.layout import (
    EMBEDDING,
    GENERATION,
    HEAD,
    INSIDE,
    MAPPING,
    WHOLE,
    generation_of,
    mapping_of,
    refuse_unsayable,
)


def write_level0(model: Path, folder: Path, *, dtype: torch.dtype) -> OneVocabulary:
    """Write the folder: config.json, generation_config.json, model.safetensors, and valle.json with the ids.

    Raises:
        UserError: no checkpoint, a plugin it needs is missing, or a model that no folder can say (`refuse_unsayable`).
    """
    loaded = load_model(model, Registry.open(), device=torch.device("cpu"))
    config = yaml.safe_load((loaded.path / "model.yaml").read_text(encoding="utf-8"))
    refuse_unsayable(config, str(model))
    return write_loaded(loaded, config, folder, dtype=dtype)


def write_loaded(loaded: LoadedModel, config: Mapping[str, Any], folder: Path, *, dtype: torch.dtype) -> OneVocabulary:
    """The same of a model whose configuration was looked at."""
    model: Any = loaded.model
    ids = OneVocabulary(model.vocabulary)
    state = {name: tensor.to(dtype) for name, tensor in level0_state(model, ids).items()}
    bias = model.heads.matrix(0, model.embedding)[1].detach().tolist()
    sizes = model.backbone.sizes
    own = {
        **own_keys(sizes),
        "dtype": str(dtype).removeprefix("torch."),
        "eos_token_id": ids.stop,
        "pad_token_id": ids.stop,
        "tie_word_embeddings": False,
    }
    mapping = {
        **mapping_of(ids, model.rules),
        "bias": bias if any(bias) else None,
        "manifest": asdict(loaded.manifest),
        "model": config,
    }
    write_text(folder / GENERATION, json.dumps(generation_of(ids, bias), indent=1) + "\n")
    write_text(folder / MAPPING, json.dumps(mapping, indent=1, ensure_ascii=False) + "\n")
    write_files(folder, {"model.safetensors": state}, config_of(WHOLE, sizes, ids.size, own))
    return ids


@torch.no_grad()
def level0_state(model: Any, ids: OneVocabulary) -> dict[str, Tensor]:
    """Tensors of a `LlamaForCausalLM` that reads and answers level 0 as `model` does, but for the head's bias."""
    rows, table = ids.rows(), model.embedding.rows()
    embedding = torch.where((rows == STOP)[:, None], torch.zeros_like(table[:1]), table[rows.clamp(min=0)])
    weight, _ = model.heads.matrix(0, model.embedding)
    head = torch.zeros_like(embedding)
    head[: ids.answers] = weight
    inside = {f"{INSIDE}{name}": tensor for name, tensor in model.backbone.state_dict().items()}
    return {EMBEDDING: embedding, **inside, HEAD: head}
