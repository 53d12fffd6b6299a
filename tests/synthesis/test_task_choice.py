"""A model is asked for the tasks it was trained for, with what they take; all else is refused or warned of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.request import Request
from valle_core.synthesis.task_choice import refuse_misfit, task_of


def half(*tasks: str, path: str = "run", tokens: tuple[str, ...] = (), options: dict[str, Any] | None = None) -> Any:
    manifest = SimpleNamespace(tasks=tasks, task_tokens=tokens, task_options=options or {})
    return SimpleNamespace(path=Path(path), manifest=manifest)


def chosen(*halves: Any, **given: str) -> str:
    registry = Registry.open()
    return task_of(resolve(SYNTHESIS_SCHEMA, registry, flags=list(given.items())), registry, *halves).name


@pytest.mark.parametrize(
    ("trained", "spoken"),
    [(("tts-c",), "tts-c"), (("tts",), "tts"), (("tts-c", "tts"), "tts-c"), ((), "tts"),
     (("valle-tasks:tts-c",), "valle-tasks:tts-c")],
)  # fmt: skip
def test_it_is_the_first_that_was_trained(trained, spoken, capsys):
    assert chosen(half(*trained)) == spoken
    assert capsys.readouterr().err == ""


def test_one_that_was_named_counts_and_is_warned_of_where_it_was_not_trained(capsys):
    assert chosen(half("tts"), task="tts-c") == "tts-c"
    assert capsys.readouterr().err == "warning: run was trained for --task tts, and speaks with --task tts-c\n"
    assert chosen(half("tts", "tts-c"), task="valle-tasks:tts-c") == "valle-tasks:tts-c"
    assert capsys.readouterr().err == ""


def test_each_half_is_asked(capsys):
    chosen(half("tts-c", path="ar"), half("tts", path="nar"))
    assert capsys.readouterr().err == "warning: nar was trained for --task tts, and speaks with --task tts-c\n"


def test_a_task_with_a_token_is_refused_where_the_model_was_not_trained_for_it():
    with pytest.raises(UserError, match="run was trained for --task tts, not for --task ns"):
        chosen(half("tts"), task="ns")
    with pytest.raises(UserError, match="run was trained for --task ns, sr, not for --task tts"):
        chosen(half("ns", "sr", tokens=("ns", "sr")), task="tts")
    assert chosen(half("tts", "ns", tokens=("ns",)), task="ns") == "ns"
    assert chosen(half("ns", tokens=("ns",))) == "ns"


def test_what_shapes_a_row_is_that_of_training_unless_it_is_asked_for():
    model = half("vc", tokens=("vc",), options={"vc": {"levels": 2, "stretch": 5}})
    registry = Registry.open()

    def levels(*flags):
        return task_of(resolve(SYNTHESIS_SCHEMA, registry, flags=list(flags)), registry, model).options.levels

    assert levels() == levels(("task", "vc")) == 2
    assert levels(("task", "vc"), ("task.levels", "3")) == 3


def test_options_that_the_task_no_longer_takes_leave_its_own():
    assert chosen(half("vc", tokens=("vc",), options={"vc": {"gone": 2}})) == "vc"


WAV, SPAN = Path("a.wav"), (0.0, 1.0)


@pytest.mark.parametrize(
    ("task", "takes", "asked", "message"),
    [
        ("ns", "codes token source text", {"text": ""}, "task 'ns' needs a recording to work on (--input)"),
        ("ns", "codes token source text", {"source": WAV, "prompt": WAV}, "task 'ns' takes no prompt"),
        ("sr", "codes token source", {"source": WAV, "text": "a"}, "task 'sr' takes no text"),
        ("tse", "codes token source prompt", {"source": WAV}, "task 'tse' needs a prompt"),
        ("vc", "codes token source prompt", {"prompt": WAV}, "task 'vc' needs a recording"),
        ("cse", "codes token source edit", {"source": WAV, "text": "a"}, "task 'cse' needs a part to replace"),
        ("cse", "codes token source edit", {"source": WAV, "span": SPAN}, "task 'cse' needs a text"),
        ("ns", "codes token source text", {"source": WAV, "span": SPAN}, "task 'ns' takes no part to replace"),
        ("tts", "codes times", {"text": "a", "source": WAV}, "task 'tts' takes no recording to work on"),
        ("tts", "codes times", {"text": "  "}, "the text is empty"),
        ("len", "length token", {"text": "a", "source": WAV}, "task 'len' takes no recording"),
        ("phn", "symbols token written", {"text": "a", "prompt": WAV}, "task 'phn' takes no prompt"),
        ("un-phn", "letters token", {"text": ""}, "the text is empty"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(task, takes, asked, message):
    with pytest.raises(UserError) as refused:
        refuse_misfit(Request(**{"text": "", **asked}), task, frozenset(takes.split()))
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("takes", "asked"),
    [
        ("codes token source text", {"source": WAV}),
        ("codes token source text", {"source": WAV, "text": "a"}),
        ("codes token source prompt", {"source": WAV, "prompt": WAV}),
        ("codes token source edit", {"source": WAV, "text": "a", "span": SPAN}),
        ("codes times", {"text": "a"}),
        ("codes", {"text": "a", "prompt": WAV}),
        ("symbols token source", {"source": WAV}),
        ("length token", {"text": "a", "prompt": WAV}),
    ],
)
def test_what_fits_is_taken(takes, asked):
    refuse_misfit(Request(**{"text": "", **asked}), "t", frozenset(takes.split()))
