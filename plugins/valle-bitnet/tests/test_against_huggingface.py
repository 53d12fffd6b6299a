"""Hugging Face's BitNet on the same weights: the layer exactly, the model up to a rare step of rounding."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from transformers.integrations.bitnet import AutoBitLinear
from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.factory import build
from valle_bitnet.folder import ONLINE, save_folder
from valle_bitnet.options import BitNetOptions
from valle_bitnet.plugin import BITNET_REFERENCE as HUGGING_FACE
from valle_bitnet.plugin import PACKED_REFERENCE as PACKED

from valle_core.plugin import UserError
from valle_core.types import SequenceMask


@pytest.fixture(autouse=True)
def eager():
    """transformers compiles its roundings, which takes a minute and changes nothing."""
    with torch.compiler.set_stance("force_eager"):
        yield


def fresh(kernel, seed=3, **changes):
    torch.manual_seed(seed)
    options = {"d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "ffn_dim": 48}
    backbone = build(BitNetOptions(**options | changes), attention=kernel).eval()
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if "norm" in name else 0.05))
    return backbone


def ours(backbone, x):
    lengths = torch.full((len(x),), x.shape[1])
    positions = torch.arange(x.shape[1]).expand(len(x), -1)
    return backbone.finish(backbone(x, SequenceMask.causal(lengths), positions).h)


def close(mine, theirs):
    """Equal but where a number in between lay so near to a half that float32's last place rounded it the other way."""
    difference = (mine - theirs).abs()
    assert difference.quantile(0.5) < 2e-5
    assert difference.max() < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_the_layer_is_that_of_transformers_with_its_gradients(seed):
    torch.manual_seed(seed)
    mine, theirs = BitLinear(40, 24, bias=True), AutoBitLinear(40, 24, bias=True, online_quant=True)
    theirs.load_state_dict(mine.state_dict())
    x, up = torch.randn(2, 7, 40), torch.randn(2, 7, 24)
    found = []
    for layer in (mine, theirs):
        leaf = x.clone().requires_grad_()
        out = layer(leaf)
        (out * up).sum().backward()
        found.append((out, leaf.grad, layer.weight.grad, layer.bias.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"activation": "silu", "n_kv_heads": None}, {"rope_theta": 300.0}])
@torch.no_grad()
def test_our_weights_in_a_bitnet_model_give_our_states(kernel, changes):
    backbone = fresh(kernel, **changes)
    reference, x = HUGGING_FACE.load(backbone), torch.randn(2, 9, 32)
    close(ours(backbone, x), reference.forward(x))
    reference.model.layers[0].mlp.down_proj.weight.neg_()
    assert (ours(backbone, x) - reference.forward(x)).abs().quantile(0.5) > 0.05  # the comparison can fail


@torch.no_grad()
def test_a_saved_backbone_opens_in_transformers_and_comes_back(kernel, tmp_path):
    backbone, x = fresh(kernel), torch.randn(1, 8, 32)
    save_folder(backbone, tmp_path)
    model, info = transformers.BitNetModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(model.layers[0].mlp.up_proj, AutoBitLinear)
    close(ours(backbone, x), model.eval()(inputs_embeds=x).last_hidden_state)
    again = build(BitNetOptions(weights=str(tmp_path)), attention=kernel).eval()
    assert again.sizes == backbone.sizes
    assert torch.equal(ours(again, x), ours(backbone, x))


def declare(folder, **changes):
    """What the message of a folder without it advises."""
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = config.get("quantization_config", {}) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"modules_to_not_convert": ["layers.0.mlp.up_proj"]}, r"leaves 'layers\.0\.mlp\.up_proj' unrounded"),
        ({"modules_to_not_convert": ["lm_head", "down_proj"]}, "leaves 'down_proj' unrounded"),
        ({"linear_class": "bitlinear"}, "linear_class 'bitlinear'"),
        ({"quantization_mode": "offline"}, "quantization_mode 'offline'"),
        ({"quant_method": "gptq"}, "quant_method 'gptq'"),
        ({"use_rms_norm": True}, "use_rms_norm"),
    ],
)
def test_a_folder_that_transformers_rounds_otherwise_is_refused(kernel, tmp_path, changes, named):
    save_folder(fresh(kernel), tmp_path)
    declare(tmp_path, modules_to_not_convert=["lm_head"])
    build(BitNetOptions(weights=str(tmp_path)), attention=kernel)
    declare(tmp_path, **changes)
    with pytest.raises(UserError, match=named):
        build(BitNetOptions(weights=str(tmp_path)), attention=kernel)


@torch.no_grad()
def test_a_folder_written_by_transformers_gives_its_states(kernel, tmp_path):
    torch.manual_seed(4)
    config = transformers.BitNetConfig(
        vocab_size=11, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, initializer_range=0.1, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = transformers.BitNetForCausalLM(config).eval()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    with pytest.raises(UserError, match="has no quantization_config, so transformers would not round"):
        build(BitNetOptions(weights=str(tmp_path)), attention=kernel)
    declare(tmp_path, **ONLINE)
    backbone = build(BitNetOptions(weights=str(tmp_path)), attention=kernel).eval()
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, model.model.state_dict()[name])
    assert backbone.sizes.rope_theta == 500000.0


@torch.no_grad()
def test_both_other_sides_of_the_benchmark_decode_our_states(kernel):
    backbone, x = fresh(kernel), torch.randn(2, 7, 32)
    wanted = ours(backbone, x)
    cases = (HUGGING_FACE, PACKED)
    assert {case.title for case in cases} == {"transformers BitNetModel", "valle bitnet, packed"}
    for case in cases:
        reference = case.load(backbone)
        decoder = reference.decoder(2, 7)
        close(reference.forward(x), wanted)
        close(torch.cat([decoder.feed(part) for part in x.split([4, 1, 2], dim=1)], dim=1), wanted)
        assert decoder.nbytes >= 2 * 2 * 2 * 2 * 7 * 8 * 4
        assert list(reference.parameters())


@torch.no_grad()
def test_packed_says_the_same_bit_for_bit_in_a_fraction_of_the_memory(kernel):
    backbone, x = fresh(kernel, d_model=256, ffn_dim=512), torch.randn(2, 9, 256)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    reference = PACKED.load(backbone)
    assert torch.equal(reference.forward(x), ours(backbone, x))
    assert (
        reference.weights_nbytes < 0.09 * reference.weights_nbytes_before
    )  # 1/16 of the matrices, and the norms as they were
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.state_dict().items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attention_bias": True}, "attention_bias"),
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"head_dim": 16}, "head_dim"),
        ({"intermediate_size": 99}, "config.json says"),
        ({"num_hidden_layers": 3}, "'layers.2.input_layernorm.weight' is missing"),
    ],
)
def test_a_folder_that_is_no_plain_bitnet_is_refused(kernel, tmp_path, change, words):
    save_folder(fresh(kernel), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=words):
        build(BitNetOptions(weights=str(tmp_path)), attention=kernel)


def test_packed_weights_and_options_that_contradict_the_folder_are_refused(kernel, tmp_path):
    backbone = fresh(kernel)
    save_folder(backbone, tmp_path)
    with pytest.raises(UserError, match="n_layers = 2 and the options ask for 5"):
        build(BitNetOptions(weights=str(tmp_path), n_layers=5), attention=kernel)
    backbone.layers[0].mlp.up_proj.weight = torch.nn.Parameter(torch.zeros(12, 32).byte(), requires_grad=False)
    save_folder(backbone, tmp_path)
    with pytest.raises(UserError, match="its weights are packed"):
        build(BitNetOptions(weights=str(tmp_path)), attention=kernel)
