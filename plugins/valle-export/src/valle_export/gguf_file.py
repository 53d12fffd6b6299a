"""The format `gguf`: level 0 of a llama run as one file for llama.cpp, from the folder of `valle export-llama`.

model.gguf     weights, sizes, and under `valle.ids` the ranges of ids
valle.json     the same ids, and in which order a row has them
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from valle_core.api import CommandContext, UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.place import inside
from valle_core.reading.tensors import read_tensors
from valle_export.options import ExportOptions

ONE_VOCABULARY = "export-llama"
"""The command that writes level 0 as a `LlamaForCausalLM`."""
FILES = CONFIG, WEIGHTS, MAPPING = ("config.json", "model.safetensors", "valle.json")


def write(context: CommandContext, options: ExportOptions, folder: Path) -> dict[str, Any]:
    """A `valle_export.formats.Write`; takes a run of `--arch llama`, or a folder that `valle export-llama` wrote."""
    if (options.run / MAPPING).is_file():
        return convert(context, options.run, options.dtype, folder)
    with tempfile.TemporaryDirectory() as work:
        llama = Path(work) / "llama"
        if context.command(ONE_VOCABULARY, options.run, "--out", llama):
            raise UserError(f"level 0 of {options.run} is no LlamaForCausalLM, so there is no GGUF of it; see above")
        return convert(context, llama, options.dtype, folder)


def convert(context: CommandContext, llama: Path, dtype: str, folder: Path) -> dict[str, Any]:
    """A folder of `LlamaForCausalLM` over one vocabulary → `model.gguf`.

    Raises:
        UserError: a file of it is missing or damaged.
    """
    try:
        config, mapping = (read_json(inside(llama, name)) for name in (CONFIG, MAPPING))
        tensors = read_tensors(inside(llama, WEIGHTS))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{llama}: not a folder of `valle export-llama` ({why}); export the run again") from None
    write_gguf(folder / "model.gguf", config, mapping, tensors, dtype)
    shutil.copyfile(llama / MAPPING, folder / MAPPING)
    if mapping.get("bias"):
        context.note(
            "the head has a bias, for which GGUF has no place: add that of valle.json to the logits "
            "(llama.cpp: --logit-bias), or train with --no-model.head-bias"
        )
    return {"vocabulary": config["vocab_size"], "stop": config["eos_token_id"], "dtype": dtype}


def write_gguf(
    path: Path, config: Mapping[str, Any], mapping: Mapping[str, Any], tensors: Mapping[str, Tensor], dtype: str
) -> None:
    """One file; matrices in `dtype`, norms in float32, as llama.cpp wants them."""
    import gguf

    kinds = gguf.GGMLQuantizationType
    stored = {"float32": kinds.F32, "float16": kinds.F16, "bfloat16": kinds.BF16}[dtype]
    writer = gguf.GGUFWriter(path, "llama")
    describe(writer, config, mapping)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, tensor in tensors.items():
        theirs = names.get_name(name, try_suffixes=(".weight",))
        if theirs is None:
            raise UserError(f"tensor '{name}' has no place in a GGUF of llama; export the run again")
        kind = stored if tensor.ndim > 1 else kinds.F32
        values = rotated(name, tensor.float().numpy(), config)
        writer.add_tensor(theirs, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def describe(writer: Any, config: Mapping[str, Any], mapping: Mapping[str, Any]) -> None:
    """Sizes, and that there is no text tokenizer: ids are the tokens."""
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_name("level 0 of a codec language model")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_string("valle.ids", json.dumps({name: mapping[name] for name in ("ids", "order", "order_continuing")}))


def rotated(name: str, weight: np.ndarray, config: Mapping[str, Any]) -> np.ndarray:
    """Rows of the query and key matrices in llama.cpp's order: it turns neighbours, Hugging Face both halves."""
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
    found = next((config[key] for part, key in heads.items() if name.endswith(f"{part}.weight")), None)
    if found is None:
        return weight
    return weight.reshape(found, 2, len(weight) // found // 2, -1).swapaxes(1, 2).reshape(weight.shape)
