"""Token dropout disturbs what is read, by level, and never what is asked."""

from __future__ import annotations

import torch

from valle_core.sequence.layout import lay_out
from valle_core.sequence.token_dropout import drop_tokens
from valle_core.types import TaskInputs

V = 16


def drop(level: int, **chances):
    response = torch.randint(0, V, (400, 4), generator=torch.Generator().manual_seed(3))
    inputs = TaskInputs(
        text=torch.tensor([1]), language=0, prompt=torch.zeros(0, 4, dtype=torch.long), response=response
    )
    row = lay_out(inputs, level, response=response[:, : max(level, 1)], target=response[:, level])
    chances = {"error": (), "rate": ()} | chances
    noisy = drop_tokens(row, codebook_size=V, generator=torch.Generator().manual_seed(0), **chances)
    return row, noisy, row.segments[-1].tokens, noisy.segments[-1].tokens


def test_without_chances_the_row_is_unchanged():
    row, noisy, _, _ = drop(2)
    assert noisy is row


def test_errors_are_neighbouring_codes_inside_the_codebook():
    row, noisy, before, after = drop(2, error=(0.5,))
    changed = before != after
    assert 0.4 < changed.float().mean() < 0.6
    assert ((before - after)[changed].abs() == 1).all()
    assert after.min() >= 0
    assert after.max() < V
    assert torch.equal(noisy.target, row.target)


def test_every_error_is_an_error_at_both_ends_of_the_codebook_too():
    _, _, before, after = drop(2, error=(1.0,))
    assert {0, V - 1} <= set(before.flatten().tolist()), "the test needs both ends"
    assert (before != after).all()


def test_rate_puts_the_mask_token_only_at_the_levels_that_ask_for_it():
    _, _, _, after = drop(3, rate=(0.0, 0.5))
    assert (after[:, 0] < V).all()
    assert 0.4 < (after[:, 1] == V).float().mean() < 0.6
    assert 0.4 < (after[:, 2] == V).float().mean() < 0.6, "the last chance goes for the levels beyond"
