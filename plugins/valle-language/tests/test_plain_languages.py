"""Languages without rules of their own: what happens to figures and signs, a handful of forms each."""

from __future__ import annotations

import pytest

from valle_language.characters import unsayable
from valle_language.normalise import normalise
from valle_language.writing.plain import LANGUAGES, SIGNS

FORMS = [
    (
        "nl",
        "Hij kocht 25 appels voor 3,50 & 5 %.",
        "Hij kocht vijfentwintig appels voor drie komma vijf nul en vijf procent.",
    ),
    ("nl", "1.000.000 mensen bij -5°, MP3", "een miljoen mensen bij min vijf graden, MP3"),
    ("nl", "agent 007", "agent nul nul zeven"),
    ("pl", "25 % i 3,5 w 2024", "dwadzieścia pięć procent i trzy przecinek pięć w dwa tysiące dwadzieścia cztery"),
    ("pl", "№ 5 + 1 = 6", "numer pięć plus jeden równa się sześć"),
    ("ru", "25% и № 5", "двадцать пять процентов и номер пять"),
    ("ru", "3 < 4, 2,5 €", "три меньше четыре, два запятая пять евро"),
    ("uk", "5 + 3", "п'ять плюс три"),
    ("cs", "3 < 4.", "tři menší než čtyři."),
    ("sv", "1000 & 3,5", "ettusen och tre komma fem"),
    ("da", "1.000.000 € @", "en million euro snabel-a"),
    ("nb", "kl. 10:30", "kl. ti:tretti"),
    ("fi", "3/4", "kolme kauttaviiva neljä"),
    ("tr", "%25 ve 25 %, 3,5", "yüzde yirmibeş ve yüzde yirmibeş, üç virgül beş"),
    ("hu", "25 %", "huszonöt százalék"),
    ("ro", "25 %", "douăzeci și cinci la sută"),
    ("hi", "25% और 5 + 3 & 2", "25 प्रतिशत और 5 प्लस 3 और 2"),
    ("el", "25 %", "25 %"),
]


@pytest.mark.parametrize(("language", "written", "said"), FORMS)
def test_figures_and_signs_are_words_where_the_words_are_known(language, written, said):
    assert normalise(written, language) == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_listed_sign_is_left_or_lost(language):
    for sign in SIGNS:
        said = normalise(f"a {sign} b", language)
        assert not unsayable(said)
        assert len(said.split()) > 2
