"""A masked level 0 in one model with an autoregressive one: who sees what, what it needs, what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.sequence.masking import MASKED, masked
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

Q, V = 2, 8
HIDDEN = torch.tensor([False, True, True, False, False])


def make_model(**options) -> CodecLM:
    torch.manual_seed(0)
    vocabulary = Vocabulary(symbols=6, languages=1, num_levels=Q, codebook_size=V)
    return CodecLM(FakeBackbone(), vocabulary, ModelOptions(**options), codebooks=torch.randn(Q, V, 5)).eval()


def make_row(codes: torch.Tensor, level: int = 0):
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=codes[:2], response=codes)
    return lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])


def codes(seed: int = 0) -> torch.Tensor:
    return torch.randint(0, V, (5, Q), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("options", [{}, {"heads": "shared"}, {"tie": True}, {"codebook_embeddings": True}], ids=str)
def test_answers_see_open_codes_on_both_sides_and_no_hidden_one(options):
    model = make_model(masked=0.5, **options)
    prompt = codes(9)
    one, later, secret = codes(), codes(), codes()
    later[4, 0] = (later[4, 0] + 1) % V
    secret[1, 0] = (secret[1, 0] + 1) % V

    def answers(found: torch.Tensor) -> torch.Tensor:
        inputs = TaskInputs(text=torch.tensor([1, 2]), language=0, prompt=prompt, response=found)
        row = lay_out(inputs, 0, response=found[:, :1], target=found[:, 0])
        return model(pack([masked(row, HIDDEN, mask=V)], model.rules)).logits[MASKED]

    assert answers(one).shape == (2, V + 1)
    assert not torch.allclose(answers(one)[0], answers(later)[0])
    torch.testing.assert_close(answers(one), answers(secret), atol=0, rtol=0)


def test_rows_of_all_three_kinds_in_one_batch_answer_as_alone():
    model = make_model(masked=0.5)
    rows = [make_row(codes(1)), masked(make_row(codes(2)), HIDDEN, mask=V), make_row(codes(3), level=1)]
    together = model(pack(rows, model.rules)).logits
    for level, row in zip((0, MASKED, 1), rows, strict=True):
        alone = model(pack([row], model.rules)).logits[level]
        torch.testing.assert_close(together[level], alone, atol=1e-5, rtol=1e-5)


def test_the_loss_of_a_masked_row_is_of_its_hidden_codes_and_reaches_the_mask_token():
    model = make_model(masked=1.0)
    batch = pack([masked(make_row(codes()), HIDDEN, mask=V)], model.rules)
    loss, figures = token_loss(model(batch).logits, batch.predicted)
    assert figures["loss_masked"][1] == 2
    loss.backward()
    grad = model.embedding.table.grad
    assert grad is not None
    assert grad[model.vocabulary.ranges()["NAR:0:0"].stop - 1].any()
    assert not grad[model.vocabulary.ranges()["AR:0:0"].start : model.vocabulary.ranges()["AR:0:0"].stop].any()


def test_the_table_is_that_of_a_model_without_it_so_that_old_weights_fit():
    plain, other = make_model(), make_model(masked=0.5)
    other.load_state_dict(plain.state_dict())


class CausalOnly(FakeBackbone):
    mask_forms = frozenset({"causal"})


@pytest.mark.parametrize(("parts", "share", "missing"), [
    ("ar", 0.5, "full or mixed rows"), ("ar", 1.0, "takes no full rows"), ("both", 0.0, "full or mixed rows"),
])  # fmt: skip
def test_a_causal_backbone_is_refused_with_the_fix(parts, share, missing):
    vocabulary = Vocabulary(symbols=6, languages=1, num_levels=Q, codebook_size=V)
    with pytest.raises(UserError, match=missing) as refused:
        CodecLM(CausalOnly(), vocabulary, ModelOptions(parts=parts, masked=share))
    assert "--model.parts ar --model.masked 0" in str(refused.value)
    CodecLM(CausalOnly(), vocabulary, ModelOptions(parts="ar", masked=0))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_of_0_to_1_is_refused(share):
    with pytest.raises(UserError, match=r"masked must be in \[0, 1\]"):
        ModelOptions(masked=share)


def test_a_model_of_higher_levels_alone_has_no_level_to_mask():
    with pytest.raises(UserError, match="parts nar does not train"):
        ModelOptions(parts="nar", masked=0.5)
