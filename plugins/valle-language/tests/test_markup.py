"""Breaks are pauses, phonemes stand in brackets, any other tag is refused by name; a < b is no tag."""

from __future__ import annotations

import pytest

from valle_core.plugin import UserError
from valle_language.markup import at_breaks, refuse_phonemes, spoken_breaks, without_markup


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('<break time="500ms"/>', 0.5),
        ("<break time='1.5s' />", 1.5),
        ('<break time=".25s">', 0.25),
        ("<break/>", 0.4),
        ('<break strength="strong"/>', 0.8),
        ('<break strength="none"/>', 0.0),
    ],
)
def test_a_break_has_its_length(tag, seconds):
    assert at_breaks(f"one {tag} two") == [("one ", None), (" two", seconds)]
    assert spoken_breaks(f"one {tag} two").replace(",", "").split() == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<emphasis>so</emphasis>", "markup <emphasis> is not read"),
        ("<speak>one</speak>", "markup <speak> is not read"),
        ("</p> one", "markup </p> is not read"),
        ('<say-as interpret-as="date">5</say-as>', "say-as"),
        ("<!-- hidden --> one", "hidden"),
        ('<break time="soon"/>', "no length that can be read"),
        ('<break strength="huge"/>', "no length"),
        ('<break time="99s"/>', r"must be in \[0, 10\] s, got 99"),
    ],
)
def test_other_tags_are_refused_by_name(text, message):
    with pytest.raises(UserError, match=message):
        at_breaks(text)


@pytest.mark.parametrize("text", ["a < b and c > d", "x<5", "5 > 3", "1 <2> 3", "<3"])
def test_signs_are_no_tags(text):
    assert at_breaks(text) == [(text, None)]
    assert spoken_breaks(text) == text


def test_a_break_is_a_comma_where_only_words_are_known():
    assert spoken_breaks("one<break/>two. <break/> three <break/>") == "one, two. three, "
    assert without_markup("one <break/> [[hɛ]] two").split() == ["one", "two"]


def test_phonemes_where_words_are_read_are_refused():
    with pytest.raises(UserError, match=r"read by `valle synth` only"):
        refuse_phonemes("say [[hɛ]]")
    refuse_phonemes("a [list] of [[things")
