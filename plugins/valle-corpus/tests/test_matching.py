"""Times of sounds, dealt to the symbols of a frontend."""

from __future__ import annotations

import pytest
from valle_corpus.commands import SCHEMA
from valle_corpus.matching import durations_of, frontend_of

from valle_core.registry.registry import Registry
from valle_testing.command import context_of

SPANS = [["d", 0.0, 0.1], ["ˈoː", 0.1, 0.3], ["n", 0.3, 0.4], ["", 0.4, 0.7], ["a", 0.7, 0.8], ["", 0.8, 1.0]]


def dealt(symbols, spans=SPANS):
    found = durations_of(symbols, spans)
    return found and dict(zip(["<", *symbols, ">"], found, strict=True))


def test_marks_take_no_time_and_a_pause_is_that_of_its_punctuation():
    assert dealt(["d", "ˈ", "oː", "n", ",", " ", "a", "."]) == pytest.approx(
        {"<": 0, "d": 0.1, "ˈ": 0, "oː": 0.2, "n": 0.1, ",": 0.3, " ": 0, "a": 0.1, ".": 0.2, ">": 0}
    )


def test_a_pause_without_punctuation_lengthens_the_sound_before():
    assert dealt(["d", "ˈ", "oː", "n", " ", "a"]) == pytest.approx(
        {"<": 0, "d": 0.1, "ˈ": 0, "oː": 0.2, "n": 0.4, " ": 0, "a": 0.3, ">": 0}
    )


def test_what_comes_before_the_first_sound_stands_before():
    late = [[label, start + 0.5, end + 0.5] for label, start, end in SPANS]
    for spans in (late, [["", 0.0, 0.5], *late]):
        found = durations_of(["d", "oː", "n", "a"], spans)
        assert found is not None
        assert found[0] == 0.5
        assert sum(found) == pytest.approx(1.5)


@pytest.mark.parametrize("symbols", [["d", "oː", "n"], ["d", "o", "n", "a"], ["oː", "d", "n", "a"], []])
def test_other_sounds_are_refused(symbols):
    assert durations_of(symbols, SPANS) is None


def test_the_symbols_are_those_of_the_frontend_that_is_installed():
    context = context_of(SCHEMA, out="unused")
    assert frontend_of(context, "") is None
    assert frontend_of(context, "no-such-frontend") is None
    if "espeak" not in Registry.open().names("frontend"):
        pytest.skip("valle-espeak is not installed")
    read = frontend_of(context, "espeak")
    assert read is not None
    assert "ʃ" in read("Schule", "de")
    assert read("", "de") == ()
