"""Tokens of tasks, hidden codes and written answers as table indices."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.sequence.layout import lay_out, token
from valle_core.sequence.pack import PackRules, pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import Segment, TaskInputs

VOCABULARY = Vocabulary(symbols=9, languages=2, num_levels=2, codebook_size=8, tasks=2, writes=True)
RULES = PackRules(vocabulary=VOCABULARY, layout="text-last", tasks=("ns", "stt"))
CODES = torch.tensor([[1, 2], [3, 4]])
INPUTS = TaskInputs(text=torch.tensor([5, 6]), language=1, prompt=CODES[:0], response=CODES, source=CODES)


def row(task="ns", *, source=CODES, output="codes", response=CODES[:, :1], target=CODES[:, 0], behind=()):
    marked = (token(), Segment(role="source", tokens=source), *behind)
    return lay_out(INPUTS, 0, response=response, target=target, task=task, marked=marked, output=output)


def names(batch, vocabulary=VOCABULARY):
    """Range of the first index of each position, of a batch of one row."""
    ranges = vocabulary.ranges()
    return [next(n for n, r in ranges.items() if int(batch.indices[at]) in r) for at in batch.offsets]


def test_the_token_is_the_row_of_the_task_by_its_name():
    start = VOCABULARY.ranges()["task"].start
    for place, task in enumerate(RULES.tasks):
        batch = pack([row(task)], RULES)
        (index,) = (int(batch.indices[at]) for at, n in zip(batch.offsets, names(batch), strict=True) if n == "task")
        assert index == start + place


def test_a_task_the_model_has_no_token_of_is_refused_by_name():
    with pytest.raises(UserError, match=r"not trained for the task 'sr'\. Tasks with a token: ns, stt"):
        pack([row("sr")], RULES)


def test_a_hidden_code_is_read_as_the_mask_token_and_a_source_as_a_prompt():
    ranges = VOCABULARY.ranges()
    batch = pack([row(source=torch.tensor([[1, -1], [-1, -1]]))], RULES)
    mask = ranges["NAR:0:0"].start + VOCABULARY.mask
    ends = [*batch.offsets.tolist()[1:], batch.indices.numel()]
    bags = [batch.indices[a:b].tolist() for a, b in zip(batch.offsets.tolist(), ends, strict=True)]
    assert [ranges["prompt:0"].start + 1, mask] in bags
    assert [mask, mask] in bags


def test_the_rows_of_a_batch_know_their_tasks():
    batch = pack([row("ns"), row("stt"), row("ns")], RULES)
    assert batch.tasks == ("ns", "stt")
    assert batch.predicted[0].tasks.tolist() == [0] * 3 + [1] * 3 + [0] * 3


@pytest.mark.parametrize(("output", "stop"), [("symbols", 9), ("length", 10), ("letters", 256)])
def test_a_written_answer_has_its_own_table_and_stop_token(output, stop):
    answer = torch.tensor([[0], [3], [2]])
    batch = pack([row(output=output, response=answer, target=answer[:, 0])], RULES)
    assert names(batch)[-3:] == [output] * 3
    assert list(batch.predicted) == [output]
    assert batch.predicted[output].targets.tolist() == [0, 3, 2, stop]


def test_what_is_heard_or_read_stands_first_where_phonemes_are_asked_for():
    said = torch.tensor([[1], [2]])
    read = Segment(role="letters", tokens=torch.tensor([200, 7]))
    for layout in ("text-first", "text-last", "text-both"):
        batch = pack(
            [row(output="symbols", response=said, target=said[:, 0], behind=(read,))], replace(RULES, layout=layout)
        )
        order = [n for n in names(batch) if n != "separator"]
        assert order == [
            "text", "text", "task", "prompt:0", "prompt:0", "letters", "letters", "language", "level",
            "symbols", "symbols",
        ]  # fmt: skip


def test_codes_and_written_answers_share_a_batch():
    said = torch.tensor([[1], [2]])
    batch = pack([row(), row("stt", output="symbols", response=said, target=said[:, 0])], RULES)
    assert list(batch.predicted) == [0, "symbols"]


def test_the_table_of_a_model_without_written_answers_is_as_it_was():
    older = replace(VOCABULARY, writes=False, tasks=1)
    assert older.size == older.ranges()["NAR:0:0"].stop
    assert VOCABULARY.size == older.size + 1 + sum(VOCABULARY.answers().values())
