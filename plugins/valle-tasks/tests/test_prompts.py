"""Prompts of `tts`: similar utterances, and what was said right before."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch
from valle_tasks.continuation import Continuation
from valle_tasks.options import ContinuationOptions, TextToSpeechOptions
from valle_tasks.prompts import earlier
from valle_tasks.tts import TextToSpeech

from valle_core.plugin import UserError
from valle_core.types import Pool, Utterance

RATE = 10.0


class Shelf(Pool):
    """Recordings of 2 s each; the code of a frame is its utterance's place, its level the frame."""

    def __init__(self, ids: list[str], similar: list[str] | None = None) -> None:
        self.ids, self.alike = sorted(ids), similar
        self.asked: list[tuple[str, int]] = []

    def other(self, speaker: str, exclude: str) -> list[str]:
        return [id for id in self.ids if id != exclude]

    def similar(self, id: str, n: int, *, across: bool = False) -> list[str]:
        assert self.alike is not None
        self.asked.append((id, n))
        return self.alike[:n]

    def codes(self, id: str) -> torch.Tensor:
        return torch.stack([torch.full((20,), self.ids.index(id)), torch.arange(20)], dim=1)

    def utterance(self, id: str) -> Utterance:
        return Utterance(id=id, speaker="s", language=0, symbols=torch.tensor([1]), codes=torch.full((30, 2), 99))


def draw(shelf: Shelf, id: str, seed: int = 0, **options):
    task = TextToSpeech(TextToSpeechOptions(**{"no_prompt": 0.0} | options))
    return task.draw(shelf.utterance(id), shelf, Random(seed), frame_rate=RATE)


BOOK = [f"ch1-{number:04d}" for number in (1, 2, 3, 5, 11)] + [f"ch2-{number:04d}" for number in (1, 2)] + ["title"]


def test_similar_prompts_are_of_the_most_similar_utterances() -> None:
    shelf = Shelf(BOOK, ["ch2-0002", "ch1-0003", "ch1-0011", "ch1-0001"])
    seen = set()
    for seed in range(40):
        inputs = draw(
            shelf, "ch1-0002", seed, prompt="similar", similar=3, max_utterances=1, min_seconds=1, max_seconds=1
        )
        assert inputs is not None
        assert inputs.prompt.shape == (10, 2)
        seen |= {shelf.ids[place] for place in inputs.prompt[:, 0].tolist()}
    assert seen == {"ch2-0002", "ch1-0003", "ch1-0011"}
    assert set(shelf.asked) == {("ch1-0002", 3)}


def test_nobody_similar_gives_no_example() -> None:
    assert draw(Shelf(BOOK, []), "ch1-0002", prompt="similar") is None


def test_an_index_that_holds_the_utterance_itself_never_prompts_with_it() -> None:
    assert draw(Shelf(BOOK, ["ch1-0002"]), "ch1-0002", prompt="similar") is None


@pytest.mark.parametrize(
    ("id", "before"),
    [
        ("ch1-0001", []),
        ("ch1-0002", ["ch1-0001"]),
        ("ch1-0011", ["ch1-0005", "ch1-0003", "ch1-0002", "ch1-0001"]),
        ("ch2-0001", []),
        ("ch2-0002", ["ch2-0001"]),
        ("title", []),
    ],
)
def test_what_comes_before_is_of_the_same_recording_and_nearest_first(id: str, before: list[str]) -> None:
    shelf = Shelf(BOOK)
    assert earlier(shelf.utterance(id), shelf) == before  # type: ignore[arg-type]


def test_numbers_are_compared_as_numbers() -> None:
    shelf = Shelf(["a/9", "a/10", "a/100", "ab/8", "a/x", "a/1b"])
    assert earlier(shelf.utterance("a/100"), shelf) == ["a/10", "a/9"]  # type: ignore[arg-type]


def test_a_continuous_prompt_ends_where_the_utterance_before_ends() -> None:
    shelf = Shelf(BOOK)
    inputs = draw(shelf, "ch1-0005", prompt="continuous", min_seconds=3, max_seconds=3)
    assert inputs is not None
    assert inputs.prompt[:, 0].tolist() == [shelf.ids.index("ch1-0002")] * 10 + [shelf.ids.index("ch1-0003")] * 20
    assert inputs.prompt[:, 1].tolist() == [*range(10, 20), *range(20)]


def test_no_more_utterances_than_wanted_are_joined() -> None:
    inputs = draw(Shelf(BOOK), "ch1-0011", prompt="continuous", min_seconds=6, max_seconds=6, max_utterances=2)
    assert inputs is not None
    assert len(inputs.prompt) == 40


def test_the_first_of_a_recording_has_no_continuous_prompt() -> None:
    assert draw(Shelf(BOOK), "ch2-0001", prompt="continuous") is None


def test_random_prompts_are_those_of_before_there_was_a_choice() -> None:
    """Written down: runs resume with the prompts they had."""
    shelf = Shelf(BOOK)
    places = [draw(shelf, "ch1-0002", seed, min_seconds=1, max_seconds=4).prompt[[0, -1]].tolist() for seed in range(3)]
    assert places == [[[7, 2], [4, 16]], [[7, 0], [7, 13]], [[7, 0], [0, 18]]]


@pytest.mark.parametrize("wrong", [{"prompt": "best"}, {"similar": 0}])
def test_options_that_make_no_sense_are_refused(wrong) -> None:
    with pytest.raises(UserError, match="tts's"):
        TextToSpeechOptions(**wrong)


def test_the_response_is_the_utterance_whatever_the_prompt() -> None:
    shelf = Shelf(BOOK, BOOK[:2])
    for prompt in ("random", "similar", "continuous"):
        inputs = draw(shelf, "ch1-0005", prompt=prompt)
        assert inputs is not None
        whole = replace(shelf.utterance("ch1-0005"))
        assert torch.equal(inputs.response, whole.codes)


def test_a_tenth_of_the_rows_has_no_prompt_by_default_so_that_none_is_real() -> None:
    shelf = Shelf(BOOK)
    task = TextToSpeech(TextToSpeechOptions())
    found = [task.draw(shelf.utterance("title"), shelf, Random(seed), frame_rate=RATE) for seed in range(600)]
    sizes = [tuple(inputs.prompt.shape) for inputs in found if inputs is not None]
    assert 35 <= sizes.count((0, 2)) <= 90
    assert min(frames for frames, _ in sizes if frames) >= 20
    assert (task.prompts.shortest, task.prompts.longest, task.prompts.none) == (3.0, 6.0, True)


def test_rows_with_a_prompt_are_those_of_a_run_without_that_option() -> None:
    shelf = Shelf(BOOK)
    for seed in range(30):
        some, all_of = draw(shelf, "title", seed, no_prompt=0.5), draw(shelf, "title", seed)
        assert some is not None
        assert all_of is not None
        assert not len(some.prompt) or torch.equal(some.prompt, all_of.prompt)


def test_no_prompt_needs_the_utterances_that_a_prompt_needs_and_a_share() -> None:
    assert draw(Shelf(["alone"]), "alone", no_prompt=1.0) is None
    with pytest.raises(UserError, match=r"no_prompt must be in \[0, 1\], got 1.5"):
        TextToSpeechOptions(no_prompt=1.5)
    assert not TextToSpeech(TextToSpeechOptions(no_prompt=0.0)).prompts.none
    assert str(Continuation(ContinuationOptions(seconds=2.0)).prompts) == "2 s"
