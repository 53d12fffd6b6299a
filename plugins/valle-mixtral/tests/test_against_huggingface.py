"""The backbone is Hugging Face's Mixtral: same weights, same states, folders that go both ways."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from valle_mixtral.factory import build
from valle_mixtral.folder import save_folder
from valle_mixtral.options import MixtralOptions
from valle_mixtral.plugin import TRANSFORMERS

from valle_core.plugin import UserError
from valle_core.types import SequenceMask


def reference(cls=transformers.MixtralModel, **changes):
    torch.manual_seed(3)
    sizes = {"vocab_size": 11, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 3,
             "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 5, "num_experts_per_tok": 2,
             "initializer_range": 0.2, "bos_token_id": None, "eos_token_id": None}  # fmt: skip
    return cls(transformers.MixtralConfig(**sizes | changes)).eval()


def states(model, x, lengths):
    attention_mask = (torch.arange(x.shape[1]) < lengths[:, None]).long()
    return model(inputs_embeds=x, attention_mask=attention_mask).last_hidden_state


def ours(backbone, x, lengths):
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    return backbone.finish(backbone(x, SequenceMask.causal(lengths), positions).h)


def close(mine, theirs, lengths):
    for row, length in enumerate(lengths):
        torch.testing.assert_close(mine[row, :length], theirs[row, :length], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_experts_per_tok": 1, "num_key_value_heads": 4},
        {"num_key_value_heads": 1, "head_dim": 16, "num_experts_per_tok": 3},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    ],
)
@pytest.mark.parametrize("shards", [False, True])
@torch.no_grad()
def test_a_saved_mixtral_gives_its_hidden_states(kernel, tmp_path, changes, shards):
    model = reference(**changes)
    model.save_pretrained(tmp_path, **({"max_shard_size": "20KB"} if shards else {}))
    assert (tmp_path / "model.safetensors.index.json").exists() == shards
    backbone = build(MixtralOptions(weights=str(tmp_path)), attention=kernel).eval()
    x, lengths = torch.randn(3, 9, 32), torch.tensor([9, 4, 1])
    mine = ours(backbone, x, lengths)
    close(mine, states(model, x, lengths), lengths)
    model.layers[1].mlp.experts.down_proj.mul_(1.1)
    assert (states(model, x, lengths) - mine)[0].abs().max() > 1e-3  # the comparison can fail


@torch.no_grad()
def test_a_causal_language_model_s_folder_loads_as_well(kernel, tmp_path):
    model = reference(transformers.MixtralForCausalLM)
    model.save_pretrained(tmp_path)
    backbone = build(MixtralOptions(weights=str(tmp_path)), attention=kernel).eval()
    x, lengths = torch.randn(2, 5, 32), torch.tensor([5, 5])
    close(ours(backbone, x, lengths), states(model.model, x, lengths), lengths)


@torch.no_grad()
def test_our_weights_load_into_hugging_face(kernel, tmp_path):
    torch.manual_seed(5)
    backbone = build(MixtralOptions(d_model=24, n_layers=2, n_experts=3, rope_theta=300.0), attention=kernel).eval()
    for parameter in backbone.parameters():
        parameter.add_(torch.randn_like(parameter) * 0.2)
    table = torch.randn(7, 24)
    save_folder(backbone, tmp_path, embed_tokens=table)
    model, info = transformers.MixtralModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    tokens, lengths = torch.randint(7, (2, 6)), torch.tensor([6, 3])
    theirs = model.eval()(tokens, attention_mask=(torch.arange(6) < lengths[:, None]).long()).last_hidden_state
    close(ours(backbone, table[tokens], lengths), theirs, lengths)


def test_what_is_saved_is_loaded_bit_for_bit(kernel, tmp_path):
    backbone = build(MixtralOptions(d_model=16, n_layers=1, n_heads=2), attention=kernel)
    save_folder(backbone, tmp_path)
    again = build(MixtralOptions(weights=str(tmp_path)), attention=kernel)
    assert again.state_dict().keys() == backbone.state_dict().keys()
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


@torch.no_grad()
def test_the_reference_of_the_benchmark_gives_our_states_and_decodes_them(kernel):
    torch.manual_seed(6)
    backbone = build(MixtralOptions(d_model=32, n_layers=2, n_kv_heads=2, n_experts=4), attention=kernel).eval()
    reference = TRANSFORMERS.load(backbone)
    x = torch.randn(2, 7, 32)
    wanted = ours(backbone, x, torch.tensor([7, 7]))
    torch.testing.assert_close(reference.forward(x), wanted, atol=1e-5, rtol=0)
    decoder = reference.decoder(2, 7)
    found = torch.cat([decoder.feed(part) for part in x.split([4, 1, 2], dim=1)], dim=1)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert decoder.nbytes == 2 * 2 * 2 * 2 * 7 * 8 * 4
    assert sum(part.numel() for part in reference.parameters()) == sum(part.numel() for part in backbone.parameters())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sliding_window": 8}, "sliding_window is 8"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"intermediate_size": 99}, "cannot start from"),
        ({"num_hidden_layers": 4}, "is missing"),
    ],
)
def test_a_folder_that_is_no_plain_mixtral_is_refused(kernel, tmp_path, change, words):
    reference().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=words):
        build(MixtralOptions(weights=str(tmp_path)), attention=kernel)


def test_an_option_that_contradicts_the_folder_is_refused(kernel, tmp_path):
    reference().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="n_experts = 5 and the options ask for 3"):
        build(MixtralOptions(weights=str(tmp_path), n_experts=3), attention=kernel)
    backbone = build(MixtralOptions(weights=str(tmp_path), router_aux_loss_coef=0.7), attention=kernel)
    assert backbone.config.router_aux_loss_coef == 0.7
