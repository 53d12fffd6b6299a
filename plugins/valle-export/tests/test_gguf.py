"""GGUF of level 0: read back by gguf and by transformers, with the logits of the model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from valle_export.gguf_file import convert

from valle_core.plugin import UserError

gguf = pytest.importorskip("gguf")
transformers = pytest.importorskip("transformers")


@pytest.fixture
def llama(tmp_path) -> Path:
    """A folder as `valle export-llama` writes it."""
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=500.0, eos_token_id=8,
        pad_token_id=8, bos_token_id=None, tie_word_embeddings=False,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    folder = tmp_path / "llama"
    model.save_pretrained(folder)
    changed = json.loads((folder / "config.json").read_text()) | {"rope_theta": 500.0, "head_dim": 8}
    (folder / "config.json").write_text(json.dumps(changed))
    mapping = {"ids": {"code": [0, 8]}, "order": ["text"], "order_continuing": ["text"], "bias": None}
    (folder / "valle.json").write_text(json.dumps(mapping))
    return folder


def converted(llama, out, dtype="float32", notes=None) -> Path:
    out.mkdir()
    context = SimpleNamespace(note=(notes if notes is not None else []).append)
    convert(context, llama, dtype, out)
    return out / "model.gguf"


@torch.no_grad()
def logits(folder, **how):
    tokens = torch.tensor([[1, 9, 30, 2, 5, 7]])
    model = transformers.LlamaForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32, **how
    )
    return model.eval()(tokens).logits


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-5), ("float16", 2e-2), ("bfloat16", 1e-1)])
def test_transformers_reads_the_same_model_from_it(llama, tmp_path, dtype, close):
    path = converted(llama, tmp_path / "out", dtype)
    torch.testing.assert_close(logits(path.parent, gguf_file=path.name), logits(llama), atol=close, rtol=0)


def test_it_says_sizes_ids_and_that_there_is_no_text_tokenizer(llama, tmp_path):
    reader = gguf.GGUFReader(converted(llama, tmp_path / "out"))
    said = {name: field.contents() for name, field in reader.fields.items()}
    assert said["general.architecture"] == "llama"
    assert said["tokenizer.ggml.model"] == "no_vocab"
    assert said["tokenizer.ggml.eos_token_id"] == 8
    assert (said["llama.attention.head_count_kv"], said["llama.rope.freq_base"]) == (2, 500.0)
    assert json.loads(said["valle.ids"])["ids"] == {"code": [0, 8]}
    names = {tensor.name for tensor in reader.tensors}
    assert {"token_embd.weight", "output.weight", "output_norm.weight", "blk.1.attn_q.weight"} <= names
    assert len(names) == 3 + 2 * 9


def test_a_bias_of_the_head_is_told(llama, tmp_path):
    mapping = json.loads((llama / "valle.json").read_text()) | {"bias": [0.5] * 9}
    (llama / "valle.json").write_text(json.dumps(mapping))
    notes: list[str] = []
    converted(llama, tmp_path / "out", notes=notes)
    assert "the head has a bias, for which GGUF has no place" in notes[0]


def test_a_damaged_folder_and_a_strange_tensor_are_refused(llama, tmp_path):
    save_file({"model.layers.0.strange": torch.zeros(2)}, llama / "model.safetensors")
    with pytest.raises(UserError, match=r"tensor 'model.layers.0.strange' has no place in a GGUF"):
        converted(llama, tmp_path / "a")
    (llama / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"not a folder of `valle export-llama`"):
        converted(llama, tmp_path / "b")
