"""Masked rows of level 0: which codes they hide, what they are asked for, and from which table they read."""

from __future__ import annotations

import math
from random import Random

import pytest
import torch

from valle_core.sequence.layout import lay_out
from valle_core.sequence.masking import MASKED, answered, draw_hidden, masked
from valle_core.sequence.pack import PackRules, pack
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs

VOCABULARY = Vocabulary(symbols=10, languages=2, num_levels=3, codebook_size=8)
RULES = PackRules(vocabulary=VOCABULARY)
CODES = torch.tensor([[5], [1], [7], [0], [3]])
HIDDEN = torch.tensor([False, True, False, True, True])


def row(*, training: bool = True, level: int = 0):
    codes = CODES.expand(-1, 3)
    inputs = TaskInputs(text=torch.tensor([1, 2]), language=1, prompt=codes[:2], response=codes)
    return lay_out(inputs, level, response=codes[:, : max(level, 1)], target=codes[:, level] if training else None)


def test_hidden_codes_are_the_targets_at_their_own_frames():
    batch = pack([masked(row(), HIDDEN, mask=VOCABULARY.mask)], RULES)
    end = int(batch.mask.lengths[0])
    assert set(batch.predicted) == {MASKED}
    assert batch.predicted[MASKED].positions.tolist() == [end - 4, end - 2, end - 1]
    assert batch.predicted[MASKED].targets.tolist() == [1, 0, 3]
    assert batch.mask.form == "full"


def test_the_response_is_read_from_the_table_of_masked_rows_with_its_mask_token():
    batch = pack([masked(row(), HIDDEN, mask=VOCABULARY.mask)], RULES)
    start = VOCABULARY.ranges()["NAR:0:0"].start
    assert (batch.indices[-5:] - start).tolist() == [5, 8, 7, 8, 8]
    assert int(batch.indices.max()) < VOCABULARY.size


def test_at_synthesis_every_frame_is_asked_for():
    batch = pack([masked(row(training=False), HIDDEN, mask=VOCABULARY.mask)], RULES)
    assert len(batch.predicted[MASKED].positions) == 5
    assert batch.predicted[MASKED].targets is None


def test_masked_autoregressive_and_higher_rows_share_a_batch_and_keep_their_places():
    rows = [row(), masked(row(), HIDDEN, mask=VOCABULARY.mask), row(level=2)]
    batch = pack(rows, RULES)
    assert [answered(one) for one in rows] == [0, MASKED, 2]
    assert {level: len(found.positions) for level, found in batch.predicted.items()} == {MASKED: 3, 0: 6, 2: 5}
    assert batch.levels.tolist() == [0, 0, 2]
    alone = pack(rows[1:2], RULES).predicted[MASKED].positions
    assert torch.equal(batch.predicted[MASKED].positions, alone + batch.positions.shape[1])


def test_the_row_it_is_made_from_stays_as_it_was():
    before = row()
    masked(before, HIDDEN, mask=VOCABULARY.mask)
    assert torch.equal(before.segments[-1].tokens, CODES)
    assert before.causal


class Fixed(Random):
    """A random number that is known."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self.value = value

    def random(self) -> float:
        return self.value

    def getrandbits(self, k: int) -> int:
        return super().getrandbits(k)  # or samples would be drawn from the one number


@pytest.mark.parametrize("frames", [1, 2, 7, 100])
@pytest.mark.parametrize("u", [0.0, 0.3, 0.5, 0.9, 1 - 2**-53])
def test_the_cosine_says_how_many_are_hidden(frames, u):
    hidden = draw_hidden(frames, Fixed(u))
    assert int(hidden.sum()) == math.ceil(frames * math.cos(math.pi * u / 2)) >= 1
    assert hidden.shape == (frames,)


def test_every_frame_is_hidden_as_often_as_the_others_and_none_always():
    rng = Random(1)
    share = torch.stack([draw_hidden(10, rng) for _ in range(4000)]).float().mean(0)
    # The mean of cos(πu/2) is 2/π; rounding up adds about half a frame of ten.
    assert float((share - (2 / math.pi + 0.05)).abs().max()) < 0.04
