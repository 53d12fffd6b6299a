"""Rows without their text, prompt or tone, for classifier-free guidance: what takes no position then."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.model.options import ModelOptions
from valle_core.plugin import UserError
from valle_core.sequence.layout import ORDERS, lay_out
from valle_core.sequence.masking import masked
from valle_core.sequence.pack import PackRules, pack, row_length
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs

VOCABULARY = Vocabulary(symbols=10, languages=2, num_levels=3, codebook_size=8, tones=3)
EVERYTHING = frozenset({"text", "prompt", "tone"})


def row(level: int = 0, **changes):
    codes = torch.arange(12).view(4, 3) % 8
    inputs = TaskInputs(text=torch.tensor([1, 2, 3]), language=1, prompt=codes[:2], response=codes, tone=2)
    inputs = replace(inputs, **changes)
    return lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level])


@pytest.mark.parametrize("layout", ORDERS)
@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("sums", [False, True])
def test_it_is_the_row_of_inputs_that_have_none_of_it(layout, level, sums):
    rules = PackRules(vocabulary=VOCABULARY, layout=layout, sum_markers=sums)
    nothing = {"text": torch.zeros(0, dtype=torch.long), "prompt": torch.zeros(0, 3, dtype=torch.long), "tone": None}
    for without in (frozenset(), frozenset({"text"}), frozenset({"prompt"}), EVERYTHING):
        left_out = replace(row(level), without=without)
        wanted = row(level, **{role: nothing[role] for role in without})
        one, other = pack([left_out], rules), pack([wanted], rules)
        assert torch.equal(one.indices, other.indices)
        assert torch.equal(one.offsets, other.offsets)
        assert torch.equal(one.predicted[level].positions, other.predicted[level].positions)
        assert torch.equal(one.predicted[level].targets, other.predicted[level].targets)
        assert row_length(left_out, rules) == int(one.mask.lengths[0])


def test_the_answer_is_never_left_out():
    hidden = torch.tensor([True, False, True, False])
    batch = pack([replace(masked(row(), hidden, mask=8), without=EVERYTHING)], PackRules(vocabulary=VOCABULARY))
    assert (batch.indices[-4:] - VOCABULARY.ranges()["NAR:0:0"].start).tolist() == [8, 3, 8, 1]


def test_an_alignment_is_told_whose_text_is_not_heard():
    rules = PackRules(vocabulary=VOCABULARY, aligned=True)
    times = torch.tensor([0.0, 1.0, 2.0, 4.0])
    rows = [replace(row(1), times=times), replace(row(1), times=times, without=EVERYTHING)]
    text = pack(rows, rules).text
    assert text.conditioned.tolist() == [True, False]
    assert torch.equal(text.symbols[0], text.symbols[1])


def test_what_a_model_can_do_without_is_what_it_was_trained_without():
    assert ModelOptions().unguided == frozenset()
    assert ModelOptions(drop_text=0.1).unguided == {"text"}
    assert ModelOptions(drop_text=0.1, drop_prompt=0.2).unguided == {"text", "prompt"}
    assert ModelOptions(drop_condition=0.1).unguided == EVERYTHING
    assert ModelOptions(drop_prompt=0.2, drop_condition=0.1).drops == ((EVERYTHING, 0.1), (frozenset({"prompt"}), 0.2))


@pytest.mark.parametrize("name", ["drop_text", "drop_prompt", "drop_condition"])
@pytest.mark.parametrize("chance", [-0.1, 1.5, float("nan")])
def test_a_probability_outside_of_0_to_1_is_refused(name, chance):
    with pytest.raises(UserError, match=rf"{name} must be in \[0, 1\]"):
        ModelOptions(**{name: chance})
