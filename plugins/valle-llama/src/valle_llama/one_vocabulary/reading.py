"""Reads a folder of `LlamaForCausalLM` over the one vocabulary as a run of level 0."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from valle_core.api import Manifest, Registry, RunFolder, load_model, save_checkpoint
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.kinds import check_kinds, is_of
from valle_core.reading.place import inside
from valle_core.sequence.vocabulary import Vocabulary
from valle_kit.hugging_face.reader import FolderReader
from valle_llama.folder import sizes_in
from valle_llama.one_vocabulary.ids import STOP, OneVocabulary
from valle_llama.one_vocabulary.layout import EMBEDDING, FORMAT, HEAD, INSIDE, KINDS, MAPPING, WHOLE, refuse_unsayable
from valle_llama.options import LlamaOptions, LlamaSizes

_ALONE = {
    "parts": "ar",
    "levels": 1,
    "level_distribution": "half",
    "level_weights": [],
    "tie": False,
    "heads": "per_level",
    "codebook_embeddings": False,
    "masked": 0.0,
    "masked_share": False,
}
"""Options of a model that holds what the folder holds, each row and head written out."""


def read_level0(folder: Path, out: Path) -> Path:
    """Write a run of one checkpoint under `out`, with the folder's level 0; returns the checkpoint.

    Raises:
        UserError: the folder is damaged, was not written by `write_level0`, or was trained to other sizes.
    """
    reader = FolderReader(folder, WHOLE)
    sizes = sizes_in(reader, LlamaOptions())
    said = _mapping(reader)
    manifest = Manifest.from_json(json.dumps(said["manifest"]), str(folder / MAPPING))
    if manifest.writes:
        raise reader.refuse("its run has tasks that answer in writing, which the folder does not hold; train without")
    config = said["model"]
    refuse_unsayable(config, str(folder))
    options = {**(config.get("model") or {}), **_ALONE}
    ids = OneVocabulary(
        Vocabulary(
            symbols=len(manifest.symbols),
            languages=len(manifest.languages),
            num_levels=1,
            codebook_size=manifest.codec.codebook_size,
            tasks=max(1, len(manifest.task_tokens)),
            per_language_text=bool(options.get("per_language_text")),
        )
    )
    if said["ids"] != {name: [found.start, found.stop] for name, found in ids.ranges().items()}:
        raise reader.refuse(f"the ids of its {MAPPING} are not those of its symbols, languages and codes")
    tensors = _native(reader, ids, sizes, _bias(reader, said, ids))
    arch = {"name": "llama", **_arch_options(config.get("arch"), sizes)}
    text = yaml.safe_dump({**config, "arch": arch, "model": options}, sort_keys=False, allow_unicode=True, width=120)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".writing-") as scratch:
        fresh = replace(manifest, progress={})
        made = save_checkpoint(RunFolder(Path(scratch) / "run"), fresh, text, {"model": tensors}, keep=0)
        load_model(made, Registry.open(), device=torch.device("cpu"))  # whatever is wrong is said before it is kept
        if out.exists():
            out.rmdir()
        os.replace(Path(scratch) / "run", out)
    return RunFolder(out).checkpoint(manifest.step)


def _mapping(reader: FolderReader) -> dict[str, Any]:
    try:
        said = read_json(inside(reader.path, MAPPING))
        check_kinds(said, KINDS)
    except FileNotFoundError:
        hint = "transformers does not copy it: take the one of the folder that was exported"
        raise reader.refuse(f"it has no {MAPPING}; {hint}") from None
    except (OSError, ValueError) as error:
        raise reader.refuse(f"{MAPPING} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if said["format"] != FORMAT:
        raise reader.refuse(f"the format of its {MAPPING} is {said['format']}, this valle reads {FORMAT}")
    return said


def _bias(reader: FolderReader, said: Mapping[str, Any], ids: OneVocabulary) -> Tensor:
    bias = said.get("bias")
    if bias is None:
        return torch.zeros(1, ids.answers)
    if not is_of(bias, (float,)) or len(bias) != ids.answers:
        raise reader.refuse(f"the bias of its {MAPPING} must be {ids.answers} numbers")
    return torch.tensor([bias], dtype=torch.float32)


def _native(reader: FolderReader, ids: OneVocabulary, sizes: LlamaSizes, bias: Tensor) -> dict[str, Tensor]:
    """The tensors of a model of level 0, by its own names."""
    stored = {name: tensor.float() for name, tensor in reader.tensors().items()}
    for name in (EMBEDDING, HEAD):
        if name not in stored:
            raise reader.refuse(f"tensor {name!r} is missing")
        if list(stored[name].shape) != (wanted := [ids.size, sizes.d_model]):
            raise reader.refuse(f"{name} is {list(stored[name].shape)}, its {MAPPING} says {wanted}")
    rows, embedding, head = ids.rows(), stored.pop(EMBEDDING), stored.pop(HEAD)
    table = torch.zeros(ids.native.size, sizes.d_model)
    table[rows[rows != STOP]] = embedding[rows != STOP]
    backbone = {name.removeprefix(INSIDE): tensor for name, tensor in stored.items()}
    return {
        "embedding.table": table,
        "heads.bias": bias,
        "heads.stop": head[ids.stop : ids.answers].clone(),
        "heads.weight": head[None, : ids.stop].clone(),
        **{f"backbone.{name}": tensor for name, tensor in backbone.items() if not name.endswith("rotary_emb.inv_freq")},
    }


def _arch_options(arch: Any, sizes: LlamaSizes) -> dict[str, Any]:
    """The backbone's options with the folder's sizes."""
    kept = {name: value for name, value in arch.items() if name != "name"} if isinstance(arch, Mapping) else {}
    named = ("d_model", "n_layers", "n_heads", "n_kv_heads", "ffn_dim", "rope_theta", "norm_eps")
    return {**kept, "weights": None, **{name: getattr(sizes, name) for name in named}}


def refuse_taken(out: Path) -> None:
    """Raises `UserError` where something is at `out` already."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty; choose another --out")
