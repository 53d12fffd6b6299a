"""A search through a text that an alignment says: every beginning keeps its own place, and the answer its times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import pytest
import torch
from torch import Tensor
from valle_pointer.options import PointerOptions
from valle_pointer.pointer import Pointer, build
from valle_samplers.beam import Beam

from valle_core.sequence.alignment import SpokenText

V, STOP, D = 3, 3, 16
SYMBOLS = ("<pad>", "<unk>", " ", *"abcdef")
TEXTS = ([3, 4], [5], [6, 7, 3])


def pointer() -> Pointer:
    """Whose units last a frame or a few, as the states say."""
    torch.manual_seed(5)
    made = build(PointerOptions(), d_model=D, symbols=SYMBOLS, languages=1).eval()
    with torch.no_grad():
        made.advance.weight.normal_(std=0.5)
        made.advance.bias.fill_(0.6)
    return made


def text_of(rows: Sequence[int]) -> SpokenText:
    texts = [TEXTS[row] for row in rows]
    zeros = torch.zeros(len(rows), dtype=torch.long)
    return SpokenText(
        symbols=torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True),
        lengths=torch.tensor([len(text) for text in texts]),
        languages=zeros, levels=zeros, start=zeros + 1, frames=zeros + 1,
    )  # fmt: skip


def state_of(row: int, history: Sequence[int], added: Tensor | None) -> Tensor:
    """What a model would make of all that was said, and of what the pointer added to the last code."""
    seed = row + sum((token + 1) * 31 ** (place + 1) for place, token in enumerate(history))
    state = torch.randn(D, generator=torch.Generator().manual_seed(seed % (1 << 40)))
    return state if added is None else state + 2 * added


HEAD = torch.randn(D, V + 1, generator=torch.Generator().manual_seed(1))


class Batch:
    """A decoder of these rows: as `valle_core.synthesis.autoregressive.decode` goes on with a search."""

    def __init__(self, rows: Sequence[int], *, steady: bool) -> None:
        self.alignment, self.numbers = pointer(), list(rows)
        self.walk = self.alignment.walk(text_of(rows), steady=steady)
        self.rows, self.history = torch.arange(len(rows)), [[] for _ in rows]

    def logits(self) -> Tensor:
        numbers = [self.numbers[row] for row in self.rows.tolist()]
        added = self.walk.guide(self.rows) if self.history[0] else [None] * len(self.rows)
        h = torch.stack([state_of(*one) for one in zip(numbers, self.history, added, strict=True)])
        frame = len(self.history[0])
        chance = torch.tensor([(0.37 * frame + 0.61 * number) % 1 for number in numbers], dtype=torch.float64)
        return self.walk.answer(h, h @ HEAD, self.rows, chance)

    def follow(self, chosen: Tensor, tokens: Tensor) -> Tensor:
        self.history = [[*self.history[at], token] for at, token in zip(chosen.tolist(), tokens.tolist(), strict=True)]
        self.rows = self.rows[chosen]
        return self.logits()


def searched(beam: Beam, rows: Sequence[int], bounds: Sequence[int], *, steady: bool) -> list[tuple[list, list]]:
    """Answers with their stop tokens, and their times."""
    batch = Batch(rows, steady=steady)
    found = batch.alignment.along(batch.walk, beam).search(batch.logits(), batch.follow, bounds, STOP).tolist()
    answers = [
        (row[: row.index(STOP) + 1] if STOP in row else row)[:bound] for row, bound in zip(found, bounds, strict=True)
    ]
    times = batch.walk.times([len(answer) - (STOP in answer) for answer in answers])
    return [(answer, begins.tolist()) for answer, begins in zip(answers, times, strict=True)]


def said(row: int, tokens: Sequence[int], *, steady: bool) -> tuple[Batch, Tensor]:
    """An answer said alone, token by token, and the logits behind it."""
    batch = Batch([row], steady=steady)
    logits = batch.logits()
    for token in tokens:
        logits = batch.follow(torch.tensor([0]), torch.tensor([token]))
    return batch, logits[0]


def best_of_all(row: int, bound: int, alpha: float, *, steady: bool) -> tuple[list[int], list[float]]:
    """The best answer of all there are, and its times."""
    answers: list[tuple[float, list[int]]] = []

    def grow(history: list[int], total: float) -> None:
        logs = said(row, history, steady=steady)[1].double().log_softmax(-1).tolist()
        for token, log in enumerate(logs):
            if log == -math.inf:
                continue
            if token == STOP or len(history) + 1 == bound:
                answers.append(((total + log) / (len(history) + 1) ** alpha, [*history, token]))
            else:
                grow([*history, token], total + log)

    grow([], 0.0)
    answer = max(answers)[1]
    followed = answer[:-1]  # by a further frame: not the stop token, nor the last one at the bound
    batch, _ = said(row, followed, steady=steady)
    return answer, batch.walk.times([len(answer) - (STOP in answer)])[0].tolist()


@pytest.mark.parametrize("steady", [False, True], ids=["drawn", "steady"])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_wide_beam_finds_the_best_of_all_answers_and_its_times(alpha: float, steady: bool) -> None:
    bounds = [5, 6, 4]
    found = searched(Beam(width=64, alpha=alpha), range(3), bounds, steady=steady)
    expected = [best_of_all(row, bound, alpha, steady=steady) for row, bound in enumerate(bounds)]
    assert [answer for answer, _ in found] == [answer for answer, _ in expected]
    for row, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        n = len(TEXTS[row]) + 1
        assert mine[1][:n] == theirs[1][:n], row
    assert any(STOP in answer for answer, _ in found)


def test_the_test_model_lets_what_was_said_decide_how_long_units_last() -> None:
    """Else a pointer of another beginning would do as well."""
    ends = {len(said_to_its_end(0, first)) for first in range(V)}
    assert len(ends) > 1, ends


def said_to_its_end(row: int, first: int) -> list[int]:
    tokens = [first]
    while len(tokens) < 40:
        logits = said(row, tokens, steady=False)[1]
        if int(logits.argmax()) == STOP:
            break
        tokens.append(int(logits.argmax()))
    return tokens


def test_rows_are_searched_alike_alone_and_in_a_batch() -> None:
    run = partial(searched, Beam(width=3), steady=False)
    together = run(range(3), [9, 4, 12])
    for row, bound in enumerate([9, 4, 12]):
        answer, times = run([row], [bound])[0]
        assert answer == together[row][0]
        assert times == together[row][1][: len(times)]
