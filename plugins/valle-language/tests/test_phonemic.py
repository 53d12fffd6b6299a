"""Phonemes that were given go to the model as they are; what it has no symbol for is named."""

from __future__ import annotations

import pytest

from valle_core.plugin import UserError
from valle_core.text.symbols import SymbolMap
from valle_language.phonemic import spelt, symbols_of
from valle_testing.fakes.audio import FakeFrontend

KNOWN = SymbolMap.from_observed(["h", "ɛ", "ə", "l", "oʊ", "o", "ʊ", "ˈ", "ː", "tʃ", "ɡ", " ", ",", ".", *"abcdefk"])


@pytest.mark.parametrize(
    ("written", "symbols"),
    [
        ("hɛˈloʊ", ["h", "ɛ", "ˈ", "l", "oʊ"]),
        ("/hɛˈloʊ/", ["h", "ɛ", "ˈ", "l", "oʊ"]),
        ("hɛ.ˈloʊ.", ["h", "ɛ", "ˈ", "l", "oʊ", "."]),
        ("hə 'lo:,  t͡ʃ", ["h", "ə", " ", "ˈ", "l", "o", "ː", ",", " ", "tʃ"]),
        ("ʧg", ["tʃ", "ɡ"]),
    ],
)
def test_phonemes_are_cut_into_the_models_symbols_longest_first(written, symbols):
    assert spelt(written, KNOWN) == symbols


def test_a_phoneme_the_model_does_not_know_is_named_with_those_it_knows():
    with pytest.raises(UserError, match=r"no symbol for 'θ' \(GREEK SMALL LETTER THETA\), 'ʘ'.*It knows: , \. a b"):
        spelt("hθeʘ", KNOWN)


def test_words_and_phonemes_stand_in_one_text():
    said = symbols_of("ab [[hɛ]], cd [[lo]].", "xx", FakeFrontend(), KNOWN)
    assert "".join(said).replace("  ", " ") == "ab hɛ, cd lo."
    assert symbols_of("[[hɛ]]", "xx", FakeFrontend(), KNOWN) == ("h", "ɛ")


@pytest.mark.parametrize(("text", "message"), [("a [[ ]] b", "no phonemes stand"), ("a [[hɛ b", "not closed by")])
def test_brackets_without_phonemes_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        symbols_of(text, "xx", FakeFrontend(), KNOWN)
