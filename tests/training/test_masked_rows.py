"""The share of level-0 rows that are masked in training, and that nothing else of a run changes with it."""

from __future__ import annotations

from dataclasses import replace

import torch

from valle_core.data.dataset import open_dataset
from valle_core.data.pool import TrainingPool
from valle_core.sequence.masking import MASKED, answered
from valle_core.sequence.pack import PackRules
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.training.rows import RowMaker, RowSettings
from valle_testing.fakes.parts import FakeTask


def rows(data, epochs: int = 40, **settings):
    dataset = open_dataset(data)
    vocabulary = Vocabulary(symbols=len(dataset.symbols), languages=1, num_levels=dataset.codec.num_levels,
                            codebook_size=dataset.codec.codebook_size)  # fmt: skip
    chosen = RowSettings(level_weights=(0.75, 0.25), packing=PackRules(vocabulary=vocabulary),
                         frame_rate=dataset.frame_rate, seed=0)  # fmt: skip
    made = RowMaker(TrainingPool(dataset), [FakeTask()], replace(chosen, **settings))
    return [made.row(id, epoch) for epoch in range(epochs) for id in dataset.ids]


def share(found) -> float:
    level0 = [answered(row) for row in found if row.level == 0]
    return level0.count(MASKED) / len(level0)


def test_the_share_is_that_of_the_level_0_rows(tone_dataset):
    assert share(rows(tone_dataset)) == 0
    assert share(rows(tone_dataset, masked=1.0)) == 1
    half = rows(tone_dataset, masked=0.5)
    assert abs(share(half) - 0.5) < 0.1
    assert all(not row.causal for row in half if row.level == 1)


def test_hidden_codes_are_a_function_of_seed_epoch_and_utterance(tone_dataset):
    once, again = (rows(tone_dataset, 2, masked=1.0) for _ in range(2))
    for one, other in zip(once, again, strict=True):
        assert torch.equal(one.segments[-1].tokens, other.segments[-1].tokens)
    other = rows(tone_dataset, 2, masked=1.0, seed=1)
    assert any(not torch.equal(a.segments[-1].tokens, b.segments[-1].tokens) for a, b in zip(once, other, strict=True))


def test_masked_rows_have_no_noise_and_keep_their_target(tone_dataset):
    for row in rows(tone_dataset, 2, masked=1.0, token_error=(1.0,), token_rate=(1.0,)):
        if row.level == 0:
            tokens = row.segments[-1].tokens[:, 0]
            hidden = tokens == tokens.max()  # the mask token is above all codes, and one at least is hidden
            assert torch.equal(tokens[~hidden], row.target[~hidden])


def test_without_masked_rows_a_run_draws_what_it_drew_before(tone_dataset):
    for one, other in zip(rows(tone_dataset, 2), rows(tone_dataset, 2, masked=0.0), strict=True):
        assert torch.equal(one.segments[-1].tokens, other.segments[-1].tokens)


def test_rows_are_left_without_as_often_as_asked_for_each_kind_by_itself(tone_dataset):
    text, prompt = frozenset({"text"}), frozenset({"prompt"})
    found = [row.without for row in rows(tone_dataset, 80, drops=((text, 0.5), (prompt, 0.25)))]
    assert abs(sum("text" in one for one in found) / len(found) - 0.5) < 0.08
    assert abs(sum("prompt" in one for one in found) / len(found) - 0.25) < 0.08
    assert abs(sum(one == text | prompt for one in found) / len(found) - 0.125) < 0.06
    assert all(one == text for one in (row.without for row in rows(tone_dataset, 1, drops=((text, 1.0),))))
    assert not any(row.without for row in rows(tone_dataset, 1))
