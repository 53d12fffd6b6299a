"""Words of a recording are found, replaced and timed."""

from __future__ import annotations

import pytest

from valle.editing import edit_of
from valle_core.plugin import UserError
from valle_language.recognition import TimedWord

SAID = ["The", "boat", "sails", "tonight", "and", "the", "moon", "sails"]
WORDS = [TimedWord(text=word, start=float(at), end=at + 0.8) for at, word in enumerate(SAID)]


def test_words_are_replaced_where_they_stand():
    edit = edit_of(WORDS, "boat sails", "ship leaves today")
    assert edit.text == "The ship leaves today tonight and the moon sails"
    assert edit.span == pytest.approx((0.95, 2.85))


def test_capitals_and_marks_are_not_compared():
    marked = [TimedWord(text=word + ",", start=float(at), end=at + 0.8) for at, word in enumerate(SAID)]
    assert edit_of(marked, "BOAT  sails!", "ship").text.startswith("The, ship tonight,")


def test_words_can_be_taken_out_at_either_end():
    assert edit_of(WORDS, "the boat", "").text == "sails tonight and the moon sails"
    assert edit_of(WORDS, "the boat", "").span[0] == 0.0
    assert edit_of(WORDS, "moon sails", "").span[1] == pytest.approx(7.8)


def test_the_span_never_reaches_into_the_next_word():
    close = [TimedWord(text=word, start=at * 0.5, end=(at + 1) * 0.5) for at, word in enumerate(SAID)]
    assert edit_of(close, "sails tonight", "x").span == pytest.approx((1.0, 2.0))


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ("plane", "the recording does not say 'plane'; it says: The boat"),
        ("sails", "the recording says 'sails' 2 times; add words beside it"),
        ("  ", "the words to replace are '  '; give words that the recording says"),
        ("?!", "the words to replace are '?!'"),
    ],
)
def test_words_that_cannot_be_found_once_are_refused(old, message):
    with pytest.raises(UserError) as refused:
        edit_of(WORDS, old, "new")
    assert str(refused.value).startswith(message)


def test_an_edit_that_leaves_nothing_is_refused():
    with pytest.raises(UserError, match="nothing is left to say"):
        edit_of(WORDS[:2], "the boat", "")
