"""Rows are laid out in the model's order, and nothing stands between a prompt and the response that goes on with it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.sequence.layout import ORDERS, arranged, lay_out
from valle_core.sequence.pack import PackRules, pack, row_length
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import Segment, TaskInputs

VOCABULARY = Vocabulary(symbols=9, languages=2, num_levels=2, codebook_size=8)
CODES = torch.tensor([[1, 2], [3, 4]])


def row(*, tone: int | None = None, continues: bool = False, level: int = 0, text=(5, 6, 7)):
    inputs = TaskInputs(text=torch.tensor(text, dtype=torch.long), language=1, prompt=CODES, response=CODES, tone=tone)
    visible = CODES[:, : max(level, 1)]
    return lay_out(inputs, level, response=visible, target=CODES[:, level], continues=continues)


def roles(row, layout):
    return " ".join(segment.role for segment in arranged(row, layout))


@pytest.mark.parametrize(
    ("layout", "order"),
    [
        ("text-first", "text language level prompt tone response"),
        ("text-last", "language level prompt tone text response"),
        ("text-both", "text language level prompt tone text response"),
    ],
)
def test_each_layout_is_the_order_it_says(layout, order):
    assert roles(row(tone=0), layout) == order
    assert roles(row(), layout) == order.replace("tone ", "")


@pytest.mark.parametrize("layout", ORDERS)
@pytest.mark.parametrize("tone", [None, 0])
@pytest.mark.parametrize("level", [0, 1])
def test_nothing_stands_between_a_prompt_and_what_goes_on_with_it(layout, tone, level):
    order = roles(row(tone=tone, continues=True, level=level), layout).split()
    assert order[-2:] == ["prompt", "response"]
    assert order.count("text") == 1
    assert ("tone" in order) == (tone is not None)


def test_the_older_order_of_a_continuing_row_without_tone_is_as_it_was():
    assert roles(row(continues=True), "text-first") == "text language level prompt response"


@pytest.mark.parametrize("layout", ORDERS)
def test_task_tokens_stay_where_they_stand_in_the_prompt(layout):
    plain = row()
    (text, language, level, prompt, response) = plain.segments
    task = Segment(role="task", tokens=torch.tensor([0]))
    mixed = replace(plain, segments=(text, language, level, prompt, task, prompt, response))
    assert "prompt task prompt" in roles(mixed, layout)
    assert roles(mixed, layout).endswith("response")


@pytest.mark.parametrize("layout", ORDERS)
@pytest.mark.parametrize("markers", [False, True])
@pytest.mark.parametrize("level", [0, 1])
def test_a_packed_row_has_the_order_and_length_of_its_layout(layout, markers, level):
    rules = PackRules(vocabulary=VOCABULARY, layout=layout, sum_markers=markers)
    for one in (row(level=level), row(level=level, text=()), row(level=level, tone=0, continues=True)):
        batch = pack([one], rules)
        assert int(batch.mask.lengths[0]) == row_length(one, rules) == batch.positions.shape[1]
        text = VOCABULARY.ranges()["text"]
        first = [int(batch.indices[start]) for start in batch.offsets]
        places = [place for place, index in enumerate(first) if index in text]
        asked = one.segments[0].tokens.tolist()
        starts = [first[place] - text.start for place in places]
        assert starts == asked * (2 if layout == "text-both" and not one.continues else 1)
        wanted = len(CODES) + (1 if level == 0 else 0)
        assert batch.predicted[level].positions.numel() == wanted
        assert int(batch.predicted[level].positions[-1]) == row_length(one, rules) - 1


def test_the_text_is_next_to_the_answer_in_text_last():
    rules = PackRules(vocabulary=VOCABULARY, layout="text-last")
    batch = pack([row()], rules)
    text = VOCABULARY.ranges()["text"]
    first = [int(batch.indices[start]) for start in batch.offsets]
    assert [index - text.start for index in first[-6:-3]] == [5, 6, 7]  # then the separator and two response frames
