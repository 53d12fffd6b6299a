"""RetNet as a transformers model: equal numbers, saving, generating, padding on either side."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModel
from valle_retnet.factory import build, build_hf
from valle_retnet.hf_config import RetNetConfig
from valle_retnet.hf_model import RetNetForCausalLM, RetNetModel, register_auto_classes
from valle_retnet.options import RetNetOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

SIZES = {"d_model": 32, "n_layers": 2, "n_heads": 4, "chunk_size": 4}


def language_model(**changes):
    torch.manual_seed(0)
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    return RetNetForCausalLM(RetNetConfig(vocab_size=50, **SIZES, **ends, **changes)).eval()


@torch.no_grad()
def test_both_archs_give_the_same_bits_on_equal_weights_either_way(tmp_path):
    x, mask = torch.randn(2, 9, 32), SequenceMask.full(torch.tensor([9, 4]))
    wrapped = build_hf(RetNetOptions(**SIZES)).eval()
    wrapped.save_pretrained(tmp_path)
    plain = build(RetNetOptions(weights=str(tmp_path), chunk_size=4)).eval()
    again = build_hf(RetNetOptions(weights=str(tmp_path), chunk_size=4)).eval()
    model = RetNetModel.from_pretrained(tmp_path)
    places = torch.arange(9).expand(2, -1)
    want = plain.finish(plain(x, mask, places).h)
    assert torch.equal(wrapped.finish(wrapped(x, mask, places).h), want)
    assert torch.equal(again.finish(again(x, mask, places).h), want)
    assert torch.equal(model(inputs_embeds=x, sequence_mask=mask).last_hidden_state, want)


@pytest.mark.parametrize("how", [{}, {"num_beams": 3}], ids=["greedy", "beams"])
def test_generate_with_the_state_says_what_it_says_without(how):
    model, prompt = language_model(), torch.randint(1, 50, (2, 7))
    with_state = model.generate(prompt, max_new_tokens=9, do_sample=False, **how)
    without = model.generate(prompt, max_new_tokens=9, do_sample=False, use_cache=False, **how)
    assert torch.equal(with_state, without)
    assert with_state.shape == (2, 16)


def test_a_prompt_padded_on_the_left_says_what_it_says_alone():
    model, prompt = language_model(), torch.randint(1, 50, (2, 8))
    seen = torch.ones_like(prompt)
    seen[0, :3] = 0
    both = model.generate(prompt, attention_mask=seen, max_new_tokens=9, do_sample=False)
    alone = model.generate(prompt[:1, 3:], max_new_tokens=9, do_sample=False)
    assert torch.equal(both[0, 3:], alone[0])


@torch.no_grad()
def test_padding_on_either_side_changes_no_state_and_holes_are_refused():
    model, x = language_model().model, torch.randn(2, 6, 32)
    want = model(inputs_embeds=x[:1, 1:4]).last_hidden_state[0]
    seen = torch.tensor([[0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    out = model(inputs_embeds=x, attention_mask=seen, output_hidden_states=True)
    torch.testing.assert_close(out.last_hidden_state[0, 1:4], want, atol=1e-5, rtol=0)
    assert len(out.hidden_states) == 3
    assert out.past_key_values.lengths.tolist() == [3, 6]
    seen[0, 2] = 0
    with pytest.raises(ValueError, match="holes"):
        model(inputs_embeds=x, attention_mask=seen)


def test_a_saved_language_model_comes_back_whole_and_lends_its_decoder(tmp_path):
    model = language_model(n_experts=3)
    model.save_pretrained(tmp_path)
    back = RetNetForCausalLM.from_pretrained(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters(), strict=True))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
    decoder = build(RetNetOptions(weights=str(tmp_path)))
    assert torch.equal(decoder.layers[1].ffn.codes, model.model.decoder.layers[1].ffn.codes)


def test_decays_are_saved_and_missing_ones_are_the_papers(tmp_path):
    for decays in ((), (4.0, 9.0)):
        RetNetModel(RetNetConfig(**SIZES, decays=decays)).save_pretrained(tmp_path)
        assert RetNetModel.from_pretrained(tmp_path).config.sizes().decays == decays
    written = json.loads((tmp_path / "config.json").read_text())
    del written["decays"]
    (tmp_path / "config.json").write_text(json.dumps(written))
    assert RetNetModel.from_pretrained(tmp_path).config.sizes().decays == ()
    assert RetNetConfig(**SIZES).sizes().decays == (5.0, 12.0)


def test_tied_embeddings_are_saved_once(tmp_path):
    model = language_model(tie_word_embeddings=True)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    model.save_pretrained(tmp_path)
    back = RetNetForCausalLM.from_pretrained(tmp_path)
    assert back.lm_head.weight is back.model.embed_tokens.weight
    assert torch.equal(back.lm_head.weight, model.lm_head.weight)


def test_labels_give_a_loss_that_trains_everything():
    model, ids = language_model(n_experts=2).train(), torch.randint(50, (2, 6))
    model(ids, labels=ids).loss.backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None and not name.endswith("merge")]
    assert not idle
    with torch.no_grad():
        logits = model.eval()(ids, logits_to_keep=2).logits
    assert logits.shape == (2, 2, 50)


def test_gradient_checkpointing_is_switched_the_way_of_transformers():
    model = RetNetModel(RetNetConfig(**SIZES))
    model.activation_checkpointing_enable()
    assert model.decoder.gradient_checkpointing


def test_auto_classes_know_it_only_when_asked(tmp_path):
    RetNetModel(RetNetConfig(**SIZES)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="valle-retnet"):
        AutoConfig.from_pretrained(tmp_path)
    register_auto_classes()
    try:
        assert isinstance(AutoModel.from_pretrained(tmp_path), RetNetModel)
    finally:
        from transformers.models.auto import configuration_auto as table

        table.CONFIG_MAPPING._extra_content.pop("valle-retnet")


def test_impossible_sizes_and_the_other_engine_are_refused():
    with pytest.raises(UserError, match=r"arch 'retnet': n_heads must divide d_model = 32 into even widths: \[1,"):
        RetNetConfig(d_model=32, n_heads=5)
    with pytest.raises(UserError, match="engine must be own with arch 'retnet-hf'"):
        build_hf(RetNetOptions(**SIZES, engine="torchscale"))
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        language_model()()
    with pytest.raises(ValueError, match="no embedding"):
        RetNetModel(RetNetConfig(**SIZES))(torch.zeros(1, 1, dtype=torch.long))


def test_neither_spec_nor_arch_retnet_imports_transformers():
    code = (
        "import sys, valle_retnet.plugin; assert 'torch' not in sys.modules\n"
        "import valle_retnet.factory; assert 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
