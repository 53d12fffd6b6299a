"""Rows become table indices in the order of the layout, with the right targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from valle_core.sequence.layout import lay_out
from valle_core.sequence.pack import PackRules, pack, row_length
from valle_core.sequence.vocabulary import Vocabulary
from valle_core.types import TaskInputs

VOCABULARY = Vocabulary(symbols=10, languages=2, num_levels=3, codebook_size=8)
RULES = PackRules(vocabulary=VOCABULARY)


def make_inputs(frames: int = 4) -> TaskInputs:
    return TaskInputs(
        text=torch.tensor([1, 2, 3]),
        language=1,
        prompt=torch.tensor([[1, 2, 3], [4, 5, 6]]),
        response=torch.arange(frames * 3).view(frames, 3) % 8,
    )


def make_row(level: int, frames: int = 4, *, training: bool = True):
    inputs = make_inputs(frames)
    response = inputs.response[:, : max(level, 1)]
    return lay_out(inputs, level, response=response, target=inputs.response[:, level] if training else None)


def bags(batch, b: int) -> list[list[int]]:
    """Table indices of each valid position of a row."""
    T = batch.positions.shape[1]
    ends = [*batch.offsets.tolist()[1:], batch.indices.numel()]
    starts = batch.offsets.tolist()
    length = int(batch.mask.lengths[b])
    return [batch.indices[starts[b * T + t] : ends[b * T + t]].tolist() for t in range(length)]


def test_segments_stand_in_the_order_of_the_layout_with_separators_between():
    found = bags(pack([make_row(0)], RULES), 0)
    names = [
        [next(n for n, r in VOCABULARY.ranges().items() if index in r) for index in position] for position in found
    ]
    prompt = [f"prompt:{level}" for level in range(3)]
    assert names == [
        *[["text"]] * 3, ["separator"], ["language"], ["separator"], ["level"], ["separator"],
        prompt, prompt, ["separator"], *[["AR:0:0"]] * 4,
    ]  # fmt: skip


@pytest.mark.parametrize("sum_markers", [False, True])
@pytest.mark.parametrize(("language", "level", "tone"), [(0, 0, 0), (1, 0, 1), (0, 2, 1), (1, 1, None)])
def test_language_level_and_tone_are_read_as_what_they_are(sum_markers, language, level, tone):
    vocabulary = replace(VOCABULARY, tones=2)
    inputs = replace(make_inputs(), language=language, tone=tone)
    row = lay_out(inputs, level, response=inputs.response[:, : max(level, 1)], target=None)
    found = bags(pack([row], PackRules(vocabulary=vocabulary, sum_markers=sum_markers)), 0)
    assert row_length(row, PackRules(vocabulary=vocabulary, sum_markers=sum_markers)) == len(found)
    given = {"language": language, "level": level} | ({} if tone is None else {"tone": tone})
    ranges = vocabulary.ranges()
    marks = {index for name in ("language", "level", "tone") for index in ranges[name]}
    expected = [ranges[name].start + value for name, value in given.items()]
    if sum_markers:
        assert all([index for index in position if index in marks] == expected for position in found)
    else:
        assert [position for position in found if set(position) & marks] == [[index] for index in expected]


def test_summed_response_contains_every_visible_level_and_the_newest_by_its_own_range():
    ranges = VOCABULARY.ranges()
    found = bags(pack([make_row(2)], RULES), 0)[-4:]
    codes = make_inputs().response
    assert found == [[ranges["NAR:0:1"].start + int(a), ranges["NAR:1:2"].start + int(b)] for a, b, _ in codes]


def test_without_sums_a_frame_is_its_newest_level_and_a_prompt_the_rows_level():
    ranges = VOCABULARY.ranges()
    rules = PackRules(vocabulary=VOCABULARY, sum_prompt=False, sum_response=False)
    found = bags(pack([make_row(2)], rules), 0)
    assert found[8:10] == [[ranges["prompt:2"].start + 3], [ranges["prompt:2"].start + 6]]
    assert all(len(position) == 1 for position in found)
    assert found[-1] == [ranges["NAR:1:2"].start + int(make_inputs().response[3, 1])]


def test_summed_markers_are_in_every_position_and_take_none():
    rules = PackRules(vocabulary=VOCABULARY, sum_markers=True)
    ranges = VOCABULARY.ranges()
    found = bags(pack([make_row(1)], rules), 0)
    assert len(found) == 3 + 1 + 2 + 1 + 4
    assert all({ranges["language"].start + 1, ranges["level"].start + 1} <= set(position) for position in found)


def test_per_language_text_uses_the_rows_own_table():
    vocabulary = Vocabulary(symbols=10, languages=2, num_levels=3, codebook_size=8, per_language_text=True)
    found = bags(pack([make_row(0)], PackRules(vocabulary=vocabulary)), 0)
    assert found[0] == [vocabulary.ranges()["text"].start + 10 + 1]


def test_autoregressive_targets_are_the_codes_and_then_stop_from_the_position_before_the_response():
    batch = pack([make_row(1, frames=6), make_row(0)], RULES)
    T = batch.positions.shape[1]
    predicted = batch.predicted[0]
    assert predicted.targets.tolist() == [*make_inputs().response[:, 0].tolist(), VOCABULARY.stop]
    length = int(batch.mask.lengths[1])
    assert predicted.positions.tolist() == list(range(T + length - 5, T + length))


def test_nonautoregressive_targets_stand_at_their_own_frames():
    batch = pack([make_row(2)], RULES)
    length = int(batch.mask.lengths[0])
    assert batch.predicted[2].positions.tolist() == list(range(length - 4, length))
    assert batch.predicted[2].targets.tolist() == make_inputs().response[:, 2].tolist()


def test_a_mixed_batch_is_causal_where_autoregressive_and_full_elsewhere():
    batch = pack([make_row(0), make_row(1)], RULES)
    assert batch.mask.form == "mixed"
    assert batch.mask.prefix.tolist() == [0, int(batch.mask.lengths[1])]
    assert pack([make_row(0)], RULES).mask.form == "causal"
    assert pack([make_row(1), make_row(2)], RULES).mask.form == "full"


def test_at_synthesis_a_level_0_row_is_answered_at_its_last_position():
    batch = pack([make_row(0, training=False)], RULES)
    assert batch.predicted[0].positions.tolist() == [int(batch.mask.lengths[0]) - 1]
    assert batch.predicted[0].targets is None


def test_the_ranges_of_the_vocabulary_do_not_overlap_and_cover_the_table():
    ranges = VOCABULARY.ranges()
    assert sorted(i for r in ranges.values() for i in r) == list(range(VOCABULARY.size))
