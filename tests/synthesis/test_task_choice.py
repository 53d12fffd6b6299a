"""A model speaks with the task it was trained for; another is warned of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from valle_core.config.resolve import resolve
from valle_core.registry.registry import Registry
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.task_choice import task_of


def half(*tasks: str, path: str = "run") -> Any:
    return SimpleNamespace(path=Path(path), manifest=SimpleNamespace(tasks=tasks))


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
