"""The backbone is Hugging Face's LLaMA: same weights, same states, folders that go both ways."""

from __future__ import annotations

import json

import pytest
import torch
from valle_llama.factory import build
from valle_llama.folder import save_folder
from valle_llama.options import LlamaOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

transformers = pytest.importorskip("transformers")


def reference(**changes):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        rms_norm_eps=1e-5,
        max_position_embeddings=64,
        initializer_range=0.2,
        **changes,
    )
    return transformers.LlamaModel(config).eval()


def states(model, x, lengths):
    attention_mask = (torch.arange(x.shape[1]) < lengths[:, None]).long()
    return model(inputs_embeds=x, attention_mask=attention_mask).last_hidden_state


def ours(backbone, x, lengths):
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    return backbone.finish(backbone(x, SequenceMask.causal(lengths), positions).h)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 2},
        {"num_key_value_heads": 1, "head_dim": 16},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    ],
)
@pytest.mark.parametrize("shards", [False, True])
@torch.no_grad()
def test_a_saved_llama_gives_its_hidden_states(kernel, tmp_path, changes, shards):
    model = reference(**changes)
    model.save_pretrained(tmp_path, **({"max_shard_size": "20KB"} if shards else {}))
    assert (tmp_path / "model.safetensors.index.json").exists() == shards
    backbone = build(LlamaOptions(weights=str(tmp_path)), attention=kernel).eval()
    x, lengths = torch.randn(3, 9, 32), torch.tensor([9, 4, 1])
    theirs, mine = states(model, x, lengths), ours(backbone, x, lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(mine[row, :length], theirs[row, :length], atol=1e-5, rtol=0)
    model.layers[1].mlp.up_proj.weight.mul_(1.1)
    assert (states(model, x, lengths) - mine)[0].abs().max() > 1e-3  # the comparison can fail


@torch.no_grad()
def test_a_causal_language_model_s_folder_loads_as_well(kernel, tmp_path):
    model = transformers.LlamaForCausalLM(reference().config).eval()
    model.save_pretrained(tmp_path)
    backbone = build(LlamaOptions(weights=str(tmp_path)), attention=kernel).eval()
    x, lengths = torch.randn(2, 5, 32), torch.tensor([5, 5])
    torch.testing.assert_close(ours(backbone, x, lengths), states(model.model, x, lengths), atol=1e-5, rtol=0)


@torch.no_grad()
def test_our_weights_load_into_hugging_face(kernel, tmp_path):
    torch.manual_seed(5)
    options = LlamaOptions(d_model=24, n_layers=2, n_heads=4, n_kv_heads=2, rope_theta=300.0)
    backbone = build(options, attention=kernel).eval()
    for parameter in backbone.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.2)
    table = torch.randn(7, 24)
    save_folder(backbone, backbone.sizes, tmp_path, embed_tokens=table)
    model, info = transformers.LlamaModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokens, lengths = torch.randint(7, (2, 6)), torch.tensor([6, 3])
    theirs = model.eval()(tokens, attention_mask=(torch.arange(6) < lengths[:, None]).long()).last_hidden_state
    mine = ours(backbone, table[tokens], lengths)
    torch.testing.assert_close(mine[0], theirs[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(mine[1, :3], theirs[1, :3], atol=1e-5, rtol=0)


def test_what_is_saved_is_loaded_bit_for_bit(kernel, tmp_path):
    backbone = build(LlamaOptions(d_model=16, n_layers=1, n_heads=2), attention=kernel)
    save_folder(backbone, backbone.sizes, tmp_path)
    again = build(LlamaOptions(weights=str(tmp_path)), attention=kernel)
    assert again.sizes == backbone.sizes
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_fresh_weights_have_hugging_face_s_names_shapes_and_spread(kernel):
    model = transformers.LlamaModel(
        transformers.LlamaConfig(
            vocab_size=3, hidden_size=64, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4
        )
    )
    backbone = build(LlamaOptions(d_model=64, n_layers=2), attention=kernel)
    theirs = {name: tensor for name, tensor in model.state_dict().items() if "embed" not in name}
    mine = backbone.state_dict()
    assert {name: t.shape for name, t in mine.items()} == {name: t.shape for name, t in theirs.items()}
    for name in mine:
        torch.testing.assert_close(mine[name].std(), theirs[name].std(), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attention_bias": True}, "attention_bias"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"intermediate_size": 99}, "config.json says"),
        ({"num_hidden_layers": 4}, "'layers.3.input_layernorm.weight' is missing"),
    ],
)
def test_a_folder_that_is_no_plain_llama_is_refused(kernel, tmp_path, change, words):
    reference().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=words):
        build(LlamaOptions(weights=str(tmp_path)), attention=kernel)


def test_an_option_that_contradicts_the_folder_is_refused(kernel, tmp_path):
    reference().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="n_layers = 3 and the options ask for 5"):
        build(LlamaOptions(weights=str(tmp_path), n_layers=5), attention=kernel)
