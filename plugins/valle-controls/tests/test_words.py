"""Lines to a run: what each means, and what is refused in one line."""

from __future__ import annotations

import pytest
from valle_controls.words import WORDS, understood

from valle_core.plugin import UserError


def nothing(answer) -> None:
    raise AssertionError(answer)


@pytest.mark.parametrize("line", ["save", "  SAVE\r", "Save "])
def test_case_and_spaces_make_no_difference(line):
    assert understood(line, nothing).word == "save"


@pytest.mark.parametrize("word", [word for word in WORDS if word != "lr"])
def test_every_word_stands_alone(word):
    assert understood(word, nothing).word == word
    with pytest.raises(UserError, match=f"{word} stands alone, got 'x' behind it"):
        understood(f"{word} x", nothing)


def test_a_rate_is_a_number():
    assert (understood("lr 3e-4", nothing).number, understood("lr 0", nothing).number) == (3e-4, 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lr", "lr takes one number, e.g. lr 3e-4, got ''"),
        ("lr abc", "lr takes a number, e.g. lr 3e-4, got 'abc'"),
        ("lr 1 2", "lr takes one number"),
        ("lr -1", "lr must be in [0, 10], got -1"),
        ("lr nan", "lr must be in [0, 10], got nan"),
        ("lr 3e4", "lr must be in [0, 10], got 30000"),
        ("lr 1e999", "lr must be in [0, 10], got inf"),
        ("lr 0,001", "lr takes a number"),
        ("sav", "unknown word 'sav'. Did you mean 'save'? Words: status, save"),
        ("", "unknown word ''. Words:"),
        ("\x1b[2J", r"unknown word '\x1b[2j'"),
        ("größe", r"unknown word 'gr\xf6\xdfe'"),
        ("a" * 201, "a line must have at most 200 characters, got 201"),
    ],
)
def test_what_is_no_word_is_refused_in_one_line(line, message):
    with pytest.raises(UserError) as error:
        understood(line, nothing)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
