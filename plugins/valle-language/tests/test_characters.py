"""No character is lost in silence: it is said, it is one of the documented marks, or it is refused by name."""

from __future__ import annotations

import pytest

from valle_language.characters import PAUSES, SILENT, has_no_word, tidy, unsayable, unsayable_error
from valle_language.normalise import normalise

SIGNS = "℃‰<>^/#√№¥¾½%&@+=~°§©®™€£¢×÷±≈≠≤≥→…•_|\\*{}[]()“”«»‹›„‚´`¨²³¼⅓↑∞∑µ−‐–—¿¡¬¶†‡※₿₹₩$…·‖"
"""Every sign that a user of a keyboard or a word processor writes."""


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("Ｈｅｌｌｏ，　ｗｏｒｌｄ！", "Hello, world!"),
        ("𝐇𝐞𝐥𝐥𝐨 𝓌𝑜𝓇𝓁𝒹 𝔸𝟙", "Hello world A1"),
        ("Ⓗⓔⓛⓛⓞ ① ⑳ ❶ ➓ 🄰", "Hello 1 20 1 10 A"),
        ("Henry Ⅷ and ⅳ", "Henry VIII and iv"),
        ("ﬁne oﬃce ﬂow ĳs", "fine office flow ijs"),
        ("H₂O 1ˢᵗ ㎏ ㏂", "H2O 1st kg a.m."),
        ("cafe\u0301 nai\u0308ve", "café naïve"),
        ("so\u00adft ze\u200bro wi\u2060dth \ufeffbom \u202eabc\u202c", "soft zero width bom abc"),
        ("a\u00a0b\u2003c\u202fd", "a b c d"),
        ("bell\x07 nul\x00 tab\tline\n", "bell  nul  tab\tline\n"),
        ("سـلام ﺳﻼم", "سلام سلام"),
        ("٣ ४ ５ 𝟞", "3 4 5 6"),
        ("1\ufe0f\u20e3 x\u0302y", "1 xy"),
        ("AT&amp;T &lt;3 &#8364;5 R&D", "AT&T <3 €5 R&D"),
        ("*so* **very** _nice_ `code` ~~gone~~", "so very nice code gone"),
        ("# Title", "Title"),
        ("2*3*4 snake_case ~5", "2*3*4 snake_case ~5"),
        ("one • two|three", "one, two, three"),
        ("• one", "one"),
        ("x² ½ № ™ … 5º", "x² ½ № ™ … 5º"),
        ("㎡ ㎥", "m² m³"),
    ],
)  # fmt: skip
def test_characters_that_show_the_same_become_the_same(written, plain):
    assert tidy(written, loose_marks=False) == plain


def test_wide_marks_and_loose_accents_stay_where_they_are_asked_for():
    assert tidy("你好，世界！", wide_marks=True) == "你好，世界！"
    assert tidy("g\u0303") == "g\u0303"


@pytest.mark.parametrize("sign", sorted(SIGNS))
@pytest.mark.parametrize("language", ["en-us", "en-gb"])
def test_english_has_a_word_for_every_sign_but_marks(sign, language):
    said = normalise(f"two {sign} three", language)
    assert not unsayable(said)
    if sign in SILENT or sign in PAUSES:
        assert said.replace(sign, " ").replace(",", " ").split() == ["two", "three"]
    else:
        assert len(said.split()) > 2, said
        assert all(word.isalpha() or "-" in word for word in said.split()), said


def test_marks_and_signs_are_told_apart():
    assert not any(map(has_no_word, SILENT))
    assert all(map(has_no_word, "/<>^~_|*\\%&@#+=°€😀→".replace("|", "")))
    assert not has_no_word("a")


def test_what_nobody_can_say_is_named_and_a_long_list_is_cut():
    said = "it cannot say '😀' (GRINNING FACE), '⌘' (PLACE OF INTEREST SIGN) in"
    assert said in str(unsayable_error(unsayable("good 😀 ⌘"), "good 😀 ⌘", "it"))
    assert "… in" in str(unsayable_error(list("😀😁😂😃😄😅😆😇😈"), "", "it"))
