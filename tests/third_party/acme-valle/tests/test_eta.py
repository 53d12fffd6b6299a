"""Eta sampling is its formula."""

from __future__ import annotations

import torch
from acme_valle.eta import Eta

from valle_testing.suites.sampler.rows import Rows, view_of


def chosen(epsilon: float, p: list[float]) -> set[int]:
    logits = torch.tensor(p).log()[None].expand(64, -1)
    view = view_of(Rows.some(64, len(p), "cpu"))
    return set(Eta(epsilon=epsilon).choose(logits, view).tolist())


def test_tokens_below_the_threshold_are_never_drawn():
    p = [0.5, 0.3, 0.1, 0.1]  # entropy 1.17 nats: the threshold is √0.25 · e^−1.17 = 0.155
    assert chosen(0.25, p) == {0, 1}
    assert chosen(0.0, p) == {0, 1, 2, 3}


def test_the_likeliest_token_is_kept_whatever_the_threshold():
    assert chosen(1.0, [0.9, 0.05, 0.05]) == {0}
