"""Our kernels run inside Hugging Face's LlamaModel through its attention registry."""

from __future__ import annotations

import pytest
import torch
from valle_llama.factory import build
from valle_llama.hf_attention import register
from valle_llama.options import LlamaOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask

transformers = pytest.importorskip("transformers")

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def model(attention, cls="LlamaModel"):
    torch.manual_seed(4)
    config = transformers.LlamaConfig(
        **SIZES, vocab_size=13, num_key_value_heads=2, rms_norm_eps=1e-5, initializer_range=0.2, pad_token_id=0,
        bos_token_id=None, eos_token_id=None, attn_implementation=attention,
    )  # fmt: skip
    return getattr(transformers, cls)(config).eval()


@torch.no_grad()
def test_a_registered_kernel_gives_the_states_of_hugging_face_s_own(kernel):
    register("valle-test", kernel)
    tokens, keep = torch.randint(13, (3, 7)), torch.tensor([7, 4, 1])
    mask = (torch.arange(7) < keep[:, None]).long()
    mine, theirs = (model(name)(tokens, attention_mask=mask).last_hidden_state for name in ("valle-test", "sdpa"))
    for row, length in enumerate(keep):
        torch.testing.assert_close(mine[row, :length], theirs[row, :length], atol=1e-5, rtol=0)


@torch.no_grad()
def test_structured_masks_reach_the_kernel_through_hugging_face_s_model(kernel):
    register("valle-test", kernel)
    reference, x, lengths = model("valle-test"), torch.randn(2, 6, 32), torch.tensor([6, 4])
    mask = SequenceMask(lengths=lengths, prefix=torch.tensor([6, 0]), query_start=torch.zeros(2).long())
    theirs = reference(inputs_embeds=x, sequence_mask=mask).last_hidden_state
    backbone = build(LlamaOptions(d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, ffn_dim=48), attention=kernel).eval()
    backbone.load_state_dict({n: w for n, w in reference.state_dict().items() if "embed" not in n})
    mine = backbone.finish(backbone(x, mask, torch.arange(6).expand(2, -1)).h)
    torch.testing.assert_close(mine[0], theirs[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(mine[1, :4], theirs[1, :4], atol=1e-5, rtol=0)
    causal = reference(inputs_embeds=x).last_hidden_state
    assert (causal[0, 0] - theirs[0, 0]).abs().max() > 1e-3


def test_generate_runs_on_a_registered_kernel(kernel):
    register("valle-test", kernel)
    tokens = torch.randint(13, (2, 5))
    results = [
        model(name, "LlamaForCausalLM").generate(
            tokens, attention_mask=torch.ones_like(tokens), do_sample=False, max_new_tokens=12
        )
        for name in ("valle-test", "sdpa")
    ]
    assert torch.equal(*results)


def test_masks_without_our_structure_are_refused(kernel):
    register("valle-test", kernel)
    tokens = torch.randint(13, (1, 4))
    with pytest.raises(UserError, match="right-padded"):
        model("valle-test")(tokens, attention_mask=torch.tensor([[0, 1, 1, 1]]))
    with pytest.raises(UserError, match="sequence_mask="):
        model("valle-test")(tokens, position_ids=torch.tensor([[0, 1, 0, 1]]), use_cache=False)
    with pytest.raises(UserError, match="not Tensor"):
        model("valle-test")(tokens, attention_mask=torch.ones(1, 1, 4, 4, dtype=torch.bool))
