"""The tasks `tts` and `tts-c`: prompts, visibility and determinism."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import Any

import pytest
import torch
from valle_tasks.continuation import Continuation
from valle_tasks.options import ContinuationOptions, TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_core.plugin import UserError
from valle_core.types import Pool, TaskInputs, Utterance

RATE = 10.0
LEVELS = 4


class FakePool(Pool):
    """Utterances of known codes; number i holds only the code i."""

    def __init__(self, lengths: dict[str, int]) -> None:
        self.lengths = lengths

    def other(self, speaker: str, exclude: str) -> list[str]:
        return sorted(id for id in self.lengths if id != exclude)

    def similar(self, id: str, n: int, *, across: bool = False) -> list[str]:
        return sorted((one for one in self.lengths if one != id), key=lambda one: abs(int(one) - int(id)))[:n]

    def codes(self, id: str) -> torch.Tensor:
        return torch.full((self.lengths[id], LEVELS), int(id))


def utterance(frames: int = 40) -> Utterance:
    codes = torch.arange(frames)[:, None] * LEVELS + torch.arange(LEVELS)
    return Utterance(id="0", speaker="s", language=1, symbols=torch.tensor([5, 6, 7]), codes=codes)


def draw(pool: FakePool, seed: int, **options: Any) -> TaskInputs | None:
    task = TextToSpeech(TextToSpeechOptions(**{"no_prompt": 0.0} | options))
    return task.draw(utterance(), pool, Random(seed), frame_rate=RATE)


def test_the_prompt_is_three_to_six_seconds_of_other_utterances() -> None:
    pool = FakePool({"0": 40, "1": 25, "2": 50, "3": 80, "4": 45})
    seen = set()
    for seed in range(200):
        inputs = draw(pool, seed)
        assert inputs is not None
        assert 30 <= inputs.prompt.shape[0] <= 60
        sources = set(inputs.prompt[:, 0].tolist())
        assert 0 not in sources
        assert 1 <= len(sources) <= 3
        seen.add((inputs.prompt.shape[0], *sorted(sources)))
        assert torch.equal(inputs.response, utterance().codes)
    assert len(seen) > 50


def test_all_of_a_quiet_speaker_is_used_where_there_is_no_more() -> None:
    inputs = draw(FakePool({"0": 40, "1": 5, "2": 6}), 0)
    assert inputs is not None
    assert inputs.prompt.shape[0] == 11


def test_a_speaker_with_one_utterance_gives_no_example() -> None:
    assert draw(FakePool({"0": 40}), 0) is None


def test_the_prompt_is_never_the_target_even_when_the_pool_forgets_to_leave_it_out() -> None:
    class Forgetful(FakePool):
        def other(self, speaker: str, exclude: str) -> list[str]:
            return sorted(self.lengths)

    assert draw(Forgetful({"0": 40}), 0) is None
    for seed in range(30):
        inputs = draw(Forgetful({"0": 40, "1": 40}), seed)
        assert inputs is not None
        assert set(inputs.prompt[:, 0].tolist()) == {1}


def test_equal_seeds_draw_equal_prompts_and_other_seeds_others() -> None:
    pool = FakePool({str(i): 30 + i for i in range(9)})
    one, two, three = (draw(pool, seed) for seed in (3, 3, 4))
    assert one is not None
    assert two is not None
    assert three is not None
    assert torch.equal(one.prompt, two.prompt)
    assert not torch.equal(one.prompt, three.prompt)


def test_continuation_cuts_the_utterance_in_two_without_overlap() -> None:
    task = Continuation(ContinuationOptions(seconds=1.5))
    inputs = task.draw(utterance(), FakePool({}), Random(0), frame_rate=RATE)
    assert inputs is not None
    assert inputs.prompt.shape[0] == 15
    assert torch.equal(torch.cat([inputs.prompt, inputs.response]), utterance().codes)
    assert torch.equal(inputs.text, utterance().symbols)


@pytest.mark.parametrize(("frames", "allowed"), [(34, False), (35, True), (3, False)])
def test_an_utterance_too_short_to_continue_is_left_out(frames: int, allowed: bool) -> None:
    task = Continuation(ContinuationOptions(seconds=3.0, min_rest_seconds=0.5))
    inputs = task.draw(utterance(frames), FakePool({}), Random(0), frame_rate=RATE)
    assert (inputs is not None) is allowed


@pytest.mark.parametrize("task", [TextToSpeech(TextToSpeechOptions()), Continuation(ContinuationOptions(seconds=1.0))])
@pytest.mark.parametrize("level", range(LEVELS))
def test_a_training_row_answers_its_level_and_never_shows_it(task: TextToSpeech, level: int) -> None:
    inputs = task.draw(utterance(), FakePool({"1": 40}), Random(0), frame_rate=RATE)
    assert inputs is not None
    row = task.compose(inputs, level, training=True)
    assert [s.role for s in row.segments] == ["text", "language", "level", "prompt", "response"]
    visible = row.segments[-1].tokens
    assert row.target is not None
    assert torch.equal(row.target, inputs.response[:, level])
    assert row.causal is (level == 0)
    assert row.language == 1
    if level == 0:  # its own codes, which the model reads shifted by one
        assert torch.equal(visible, inputs.response[:, :1])
    else:  # codes are unique in this utterance
        assert torch.equal(visible, inputs.response[:, :level])
        assert not torch.isin(row.target, visible).any()


def test_synthesis_lays_out_the_same_row_as_training_without_a_target() -> None:
    task = TextToSpeech(TextToSpeechOptions())
    inputs = task.draw(utterance(), FakePool({"1": 40}), Random(0), frame_rate=RATE)
    assert inputs is not None
    for level in range(LEVELS):
        trained, asked = (task.compose(inputs, level, training=training) for training in (True, False))
        assert asked.target is None
        for a, b in zip(trained.segments, asked.segments, strict=True):
            assert a.role == b.role
            assert torch.equal(a.tokens, b.tokens)


@pytest.mark.parametrize("levels", [0, 1, LEVELS])
def test_synthesis_starts_from_a_response_of_no_frames(levels: int) -> None:
    empty = torch.zeros(0, levels, dtype=torch.long)
    inputs = TaskInputs(text=torch.tensor([1]), language=0, prompt=utterance().codes, response=empty)
    row = TextToSpeech(TextToSpeechOptions()).compose(inputs, 0, training=False)
    assert row.segments[-1].tokens.shape == (0, 1)


def test_a_level_beyond_the_codes_is_refused() -> None:
    inputs = TaskInputs(text=torch.tensor([1]), language=0, prompt=utterance().codes, response=utterance().codes)
    task = TextToSpeech(TextToSpeechOptions())
    with pytest.raises(UserError, match="level 4"):
        task.compose(inputs, LEVELS, training=True)
    with pytest.raises(UserError, match="level 5 needs 5"):
        task.compose(inputs, LEVELS + 1, training=False)


def test_finishing_gives_the_answer_itself() -> None:
    inputs = TaskInputs(text=torch.tensor([1]), language=0, prompt=utterance().codes, response=utterance().codes)
    answer = torch.ones(3, LEVELS, dtype=torch.long)
    assert torch.equal(TextToSpeech(TextToSpeechOptions()).finish(inputs, answer), answer)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"min_seconds": 0.0}, r"tts's min_seconds must be in \(0, 6.0\], got 0"),
        ({"min_seconds": 7.0}, r"tts's min_seconds must be in \(0, 6.0\], got 7"),
        ({"max_seconds": 99.0}, r"tts's max_seconds must be in \(0, 60\], got 99"),
        ({"max_utterances": 0}, "max_utterances must be at least 1, got 0"),
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, float], named: str) -> None:
    with pytest.raises(UserError, match=named):
        TextToSpeechOptions(**options)


@pytest.mark.parametrize("option", ["seconds", "min_rest_seconds"])
def test_continuation_options_out_of_range_are_refused_by_name(option: str) -> None:
    with pytest.raises(UserError, match=rf"tts-c's {option} must be in \(0, 60\], got -1"):
        ContinuationOptions(**{option: -1.0})


def test_specs_and_options_import_no_torch() -> None:
    code = "import sys, valle_tasks.plugin, valle_tasks.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_task_says_why_it_leaves_an_utterance_out() -> None:
    alone, more = FakePool({"0": 40}), FakePool({"0": 40, "1": 40})
    for prompt in ("random", "similar", "continuous"):
        task = TextToSpeech(TextToSpeechOptions(prompt=prompt))  # type: ignore[arg-type]
        assert task.draw(utterance(), alone, Random(0), frame_rate=RATE) is None
        assert "no other utterance" in task.why_not(utterance(), alone, frame_rate=RATE)
    reason = TextToSpeech(TextToSpeechOptions(prompt="continuous")).why_not(utterance(), more, frame_rate=RATE)
    assert reason == "nothing before it in its recording (--task.prompt random needs nothing)"
    short = Continuation(ContinuationOptions(seconds=4.0)).why_not(utterance(), more, frame_rate=RATE)
    assert short == "shorter than 4.5 s (--task.seconds and --task.min-rest-seconds together)"
