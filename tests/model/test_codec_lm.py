"""The model's rows see what they must and nothing else, in every variant of embeddings and heads."""

from __future__ import annotations

import pytest
import torch

from valle_core.loss.token_loss import token_loss
from valle_core.model.codec_lm import CodecLM
from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs
from valle_testing.fakes.backbone import FakeBackbone

Q, V = 3, 8
VARIANTS = [
    {},
    {"heads": "shared"},
    {"tie": True},
    {"tie": True, "heads": "shared", "markers": "sum"},
    {"codebook_embeddings": True},
    {"codebook_embeddings": True, "tie": True},
    {"per_language_text": True, "sum_levels": "none"},
    {"sum_levels": "prompt"},
]


def make_model(**options) -> CodecLM:
    torch.manual_seed(0)
    chosen = ModelOptions(**options)
    vocabulary = Vocabulary(
        symbols=6, languages=2, num_levels=Q, codebook_size=V, per_language_text=chosen.per_language_text
    )
    return CodecLM(FakeBackbone(), vocabulary, chosen, codebooks=torch.randn(Q + 1, V, 5)).eval()


def make_row(level: int, response: torch.Tensor, prompt: torch.Tensor | None = None):
    prompt = torch.randint(0, V, (3, Q), generator=torch.Generator().manual_seed(1)) if prompt is None else prompt
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=1, prompt=prompt, response=response)
    return lay_out(inputs, level, response=response[:, : max(level, 1)], target=response[:, level])


def codes(seed: int = 0, frames: int = 5) -> torch.Tensor:
    return torch.randint(0, V, (frames, Q), generator=torch.Generator().manual_seed(seed))


def run(model: CodecLM, *rows):
    return model(pack(rows, model.rules))[0]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_rows_of_both_kinds_in_one_batch_answer_as_alone(options):
    model = make_model(**options)
    rows = [make_row(level, codes(level, frames=4 + level)) for level in range(Q)]
    together = run(model, *rows)
    for level, row in enumerate(rows):
        torch.testing.assert_close(together[level], run(model, row)[level], atol=1e-5, rtol=1e-5)
    assert together[0].shape == (5, V + 1)
    assert together[1].shape == (5, V)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_autoregressive_answers_do_not_see_their_own_frame_or_later_ones(options):
    model = make_model(**options)
    one, other = codes(), codes()
    other[3, 0] = (other[3, 0] + 1) % V
    a, b = run(model, make_row(0, one))[0], run(model, make_row(0, other))[0]
    torch.testing.assert_close(a[:4], b[:4], atol=0, rtol=0)
    assert not torch.allclose(a[4], b[4])


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_nonautoregressive_answers_see_the_future_and_never_their_own_level(options):
    model = make_model(**options)
    one, other, same = codes(), codes(), codes()
    other[4, 0] = (other[4, 0] + 1) % V
    same[:, 1:] = (same[:, 1:] + 1) % V
    base = run(model, make_row(1, one))[1]
    assert not torch.allclose(base[0], run(model, make_row(1, other))[1][0])
    torch.testing.assert_close(base, run(model, make_row(1, same))[1], atol=0, rtol=0)


def test_codebook_embeddings_are_the_codecs_vectors_of_the_level_that_is_read():
    model = make_model(codebook_embeddings=True)
    table, ranges = model.embedding.rows(), model.vocabulary.ranges()
    books = model.embedding.codebooks
    read = {"AR:0:0": 0, "NAR:0:1": 0, "NAR:1:2": 1, "NAR:0:0": 0}
    wanted = {f"prompt:{level}": books[level] @ model.embedding.prompt_projection for level in range(Q)}
    wanted |= {name: books[level] @ model.embedding.response_projection for name, level in read.items()}
    for name, expected in wanted.items():
        torch.testing.assert_close(table[ranges[name].start :][:V], expected, msg=lambda text, name=name: name + text)
    for name in read:
        assert not table[ranges[name].stop - 1].any(), f"the mask token of {name} is learnt from nothing"


def test_folded_codebooks_change_no_logit():
    model = make_model(codebook_embeddings=True, tie=True)
    with torch.no_grad():
        model.embedding.table.normal_()
    batch = pack([make_row(level, codes()) for level in (1, 2, 0)], model.rules)
    before = model(batch).logits
    model.embedding.fold()
    model.embedding.fold()
    for level, logits in model(batch).logits.items():
        torch.testing.assert_close(logits, before[level], atol=0, rtol=0)
    assert model.embedding.codebooks is None


def test_a_rows_condition_is_its_level():
    model = make_model()
    levels = [2, 0, 1, 2]
    condition = model.condition(pack([make_row(level, codes()) for level in levels], model.rules))
    start = model.vocabulary.ranges()["level"].start
    assert torch.equal(condition, model.embedding.table[start : start + Q][levels])


@pytest.mark.parametrize("level", range(Q))
def test_summed_prompts_contain_the_last_level(level):
    model = make_model(sum_levels="both")
    one = codes(7)
    other = one.clone()
    other[0, Q - 1] = (other[0, Q - 1] + 1) % V
    a = run(model, make_row(level, codes(), prompt=one))[level]
    b = run(model, make_row(level, codes(), prompt=other))[level]
    assert not torch.allclose(a, b)


def test_summed_responses_contain_every_lower_level_and_can_be_switched_on_later():
    plain, summed = make_model(sum_levels="none"), make_model(sum_levels="both")
    summed.load_state_dict(plain.state_dict())
    one, other = codes(), codes()
    other[2, 0] = (other[2, 0] + 1) % V
    for model, differs in ((plain, False), (summed, True)):
        a, b = run(model, make_row(2, one))[2], run(model, make_row(2, other))[2]
        assert torch.allclose(a, b) != differs


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_every_parameter_learns_and_the_loss_falls(options):
    model = make_model(**options).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    batch = pack([make_row(level, codes(level)) for level in range(Q)], model.rules)
    losses = []
    for _ in range(60):
        logits = model(batch).logits
        loss, figures = token_loss(logits, batch.predicted)
        optimizer.zero_grad()
        loss.backward()
        if not losses:
            silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
            assert not silent, silent
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    total, count = sum(pair for name, pair in figures.items() if name.startswith("loss")).tolist()
    assert losses[-1] == pytest.approx(total / count, rel=1e-4)


def test_the_loss_of_untrained_uniform_logits_is_the_log_of_the_choices():
    batch = pack([make_row(1, codes())], make_model().rules)
    loss, figures = token_loss({1: torch.zeros(5, V)}, batch.predicted)
    assert float(loss) == pytest.approx(torch.tensor(float(V)).log().item())
    assert figures["loss_1"][1] == 5


def test_a_backbone_that_cannot_look_both_ways_is_refused_for_levels_above_zero():
    backbone = FakeBackbone()
    backbone.mask_forms = frozenset({"causal"})
    vocabulary = Vocabulary(symbols=6, languages=2, num_levels=Q, codebook_size=V)
    with pytest.raises(UserError, match="parts ar"):
        CodecLM(backbone, vocabulary, ModelOptions())
    CodecLM(backbone, vocabulary, ModelOptions(parts="ar"))


def test_codebook_embeddings_without_published_codebooks_are_refused():
    vocabulary = Vocabulary(symbols=6, languages=2, num_levels=Q, codebook_size=V)
    with pytest.raises(UserError, match="codebook"):
        CodecLM(FakeBackbone(), vocabulary, ModelOptions(codebook_embeddings=True))
