"""Beam search against all answers there are, against greedy decoding, and against transformers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM
from valle_samplers.beam import Beam

NextLogits = Callable[[int, Sequence[int]], Tensor]
"""(row, tokens so far) → logits."""


def table(V: int) -> NextLogits:
    """Logits that follow from the row and all that it has said."""

    def logits(row: int, history: Sequence[int]) -> Tensor:
        seed = row + sum((token + 1) * 31 ** (place + 1) for place, token in enumerate(history))
        return torch.randn(V, generator=torch.Generator().manual_seed(seed % (1 << 40))) * 2

    return logits


def search(beam: Beam, model: NextLogits, rows: Sequence[int], bounds: Sequence[int], stop: int | None) -> list[list]:
    """Answers with their stop tokens, as the decoder would have them."""
    history: list[list[int]] = [[] for _ in rows]
    numbers = list(rows)

    def logits() -> Tensor:
        found = torch.stack([model(row, tokens) for row, tokens in zip(numbers, history, strict=True)])
        return found.index_fill(1, torch.tensor([stop]), -math.inf) if stop is not None and not history[0] else found

    def follow(chosen: Tensor, tokens: Tensor) -> Tensor:
        nonlocal history, numbers
        history = [[*history[row], token] for row, token in zip(chosen.tolist(), tokens.tolist(), strict=True)]
        numbers = [numbers[row] for row in chosen.tolist()]
        return logits()

    found = beam.search(logits(), follow, list(bounds), stop).tolist()
    ends = [row.index(stop) + 1 if stop in row else len(row) for row in found]
    return [row[:end][:bound] for row, end, bound in zip(found, ends, bounds, strict=True)]


def best_of_all(model: NextLogits, row: int, bound: int, stop: int | None, alpha: float) -> list[int]:
    """The best answer of all there are."""
    answers: list[tuple[float, list[int]]] = []

    def grow(history: list[int], total: float) -> None:
        logits = model(row, history).double()
        if stop is not None and not history:
            logits[stop] = -math.inf
        for token, log in enumerate(logits.log_softmax(-1).tolist()):
            if token == stop or len(history) + 1 == bound:
                answers.append(((total + log) / (len(history) + 1) ** alpha, [*history, token]))
            else:
                grow([*history, token], total + log)

    grow([], 0.0)
    return max(answers)[1]


@pytest.mark.parametrize("stop", [3, None])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0, 2.0])
def test_a_wide_beam_finds_the_best_of_all_answers(alpha: float, stop: int | None) -> None:
    model, bounds = table(4), [4, 3, 1, 2, 4, 4]
    found = search(Beam(width=64, alpha=alpha), model, range(6), bounds, stop)
    assert found == [best_of_all(model, row, bound, stop, alpha) for row, bound in enumerate(bounds)]


def test_a_narrow_beam_without_normalisation_is_greedy_decoding() -> None:
    model, stop = table(6), 5
    expected = []
    for row in range(12):
        history: list[int] = []
        while len(history) < 9 and stop not in history:
            logits = model(row, history)
            history.append(int(logits[: 6 if history else 5].argmax()))
        expected.append(history)
    assert search(Beam(width=1, alpha=0.0), model, range(12), [9] * 12, stop) == expected
    assert any(stop in row for row in expected)


def test_rows_are_searched_alike_alone_and_in_a_batch() -> None:
    model, bounds = table(7), [7, 3, 9, 2, 5, 1]
    together = search(Beam(width=3), model, range(6), bounds, 6)
    assert together == [search(Beam(width=3), model, [row], [bounds[row]], 6)[0] for row in range(6)]


def test_a_wider_beam_finds_something_better() -> None:
    """Greedily 0 (0.6) is followed by an even choice; 1 (0.4) by a certain one."""

    def model(row: int, history: Sequence[int]) -> Tensor:
        return torch.tensor(
            [0.6, 0.4, 0.0] if not history else [0.5, 0.5, 0.0] if history[0] == 0 else [0.0, 0.0, 1.0]
        ).log()

    assert search(Beam(width=1), model, [0], [2], 2) == [[0, 0]]
    assert search(Beam(width=2), model, [0], [2], 2) == [[1, 2]]


def test_few_tokens_left_are_enough_for_a_wide_beam() -> None:
    """Only token 1 and the end are open: beginnings that are worth nothing change nothing."""

    def model(row: int, history: Sequence[int]) -> Tensor:
        return torch.tensor([-math.inf, 1.0, -math.inf, 0.0 if len(history) < 4 else 3.0])

    assert search(Beam(width=8, alpha=1.0), model, [0, 1], [6, 3], 3) == [[1, 1, 1, 1, 3], [1, 1, 1]]


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_it_finds_what_transformers_finds(width: int, alpha: float) -> None:
    torch.manual_seed(8)
    config = LlamaConfig(vocab_size=13, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                         num_attention_heads=2, pad_token_id=12, eos_token_id=12, bos_token_id=None)  # fmt: skip
    theirs = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        theirs.lm_head.weight *= 60
    prompts = torch.tensor([[1, 2, 3], [4, 4, 0], [7, 5, 11]])

    @torch.no_grad()
    def model(row: int, history: Sequence[int]) -> Tensor:
        return theirs(torch.cat([prompts[row], torch.tensor(history, dtype=torch.long)])[None]).logits[0, -1]

    expected = theirs.generate(
        prompts, attention_mask=torch.ones_like(prompts), num_beams=width, length_penalty=alpha, do_sample=False,
        early_stopping="never", max_new_tokens=8, min_new_tokens=1,
    )[:, 3:].tolist()  # fmt: skip
    found = search(Beam(width=width, alpha=alpha), model, range(3), [8] * 3, 12)
    assert found == [row[: row.index(12) + 1] if 12 in row else row for row in expected]
