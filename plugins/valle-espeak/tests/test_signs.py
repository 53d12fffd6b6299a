"""Every sign and every letter, in every voice: said by it, a documented mark, or refused by name."""

from __future__ import annotations

import pytest
from valle_espeak.frontend import EspeakFrontend
from valle_espeak.options import EspeakOptions
from valle_espeak.scripts import _VOICES, _WRITTEN_IN, foreign_letters, runs

from valle_core.plugin import UserError
from valle_language.characters import PAUSES, SILENT

SIGNS = "℃‰<>^/#√№¥¾½%&@+=~°§©®™€£¢×÷±≈≠≤≥→…•_|\\*{}[]²³¼↑∞∑−¿¡¬¶†‡※₿₹$‖😀⌘"
WORDS = {
    "Cyrillic": "привет",
    "Greek": "καλημέρα",
    "Hangul": "안녕",
    "Han": "你好",
    "Hiragana": "こんにちは",
    "Katakana": "コンピュータ",
    "Arabic": "سلام",
    "Hebrew": "שלום",
    "Devanagari": "नमस्ते",
    "Thai": "สวัสดี",
    "Bengali": "নমস্কার",
    "Tamil": "வணக்கம்",
    "Armenian": "բարեւ",
    "Georgian": "გამარჯობა",
    "Ethiopic": "ሰላም",
}


@pytest.fixture(scope="module")
def frontend() -> EspeakFrontend:
    return EspeakFrontend(EspeakOptions())


@pytest.fixture(scope="module")
def voices(frontend) -> list[str]:
    """All that have a dictionary (espeak-ng's data lacks three)."""
    return [voice for voice in frontend._own if voice not in ("fo", "kaa", "xex")]


def _sounds(frontend, text, voice):
    return sum(symbol[0].isalpha() for symbol in frontend.phonemize(text, voice).symbols)


@pytest.mark.parametrize("normalised", [True, False])
def test_no_sign_vanishes_in_any_voice(voices, normalised):
    frontend = EspeakFrontend(EspeakOptions(normalise=normalised))
    lost = []
    for voice in voices:
        word = WORDS.get(_WRITTEN_IN.get(voice.split("-")[0], ""), "mama") if voice not in ("ja",) else "はな"
        word = word if not voice.startswith(("bs", "hr", "en")) else "mama"
        without = len(frontend.phonemize(f"{word} {word}", voice).words)
        for sign in SIGNS:
            try:
                sounds = _sounds(frontend, f"{word} {sign} {word}", voice)
            except UserError as error:
                refused = str(error)
                lost += [] if f"cannot say '{sign}'" in refused or sign == "℃" else [(voice, sign, refused)]
                continue
            if sounds <= without and sign not in SILENT and sign not in PAUSES:
                lost.append((voice, sign))
    assert not lost


def test_letters_of_another_script_are_refused_by_name_in_every_voice(frontend, voices):
    for voice in voices:
        for word in WORDS.values():
            if not foreign_letters(word, voice):
                continue
            with pytest.raises(UserError, match=r"cannot say '.' \([A-Z]"):
                frontend.phonemize(f"mama {word}", voice)


@pytest.mark.parametrize(("script", "word"), WORDS.items())
def test_the_voice_of_their_script_says_them_if_it_is_asked_to(script, word):
    frontend = EspeakFrontend(EspeakOptions(foreign="voice"))
    alone = frontend.phonemize(word, _VOICES[script]).symbols
    sounds = frontend.phonemize(f"the word {word}, is", "en-us")
    assert "".join(alone) in "".join(sounds.symbols)
    assert len(sounds.words) >= 4


def test_a_script_without_a_voice_is_refused_all_the_same():
    with pytest.raises(UserError, match=r"KHMER LETTER CO.*write it in other letters"):
        EspeakFrontend(EspeakOptions(foreign="voice")).phonemize("the ជ", "en-us")


@pytest.mark.parametrize(
    ("text", "same", "language"),
    [
        ("Ｈｅｌｌｏ", "hello", "en-us"),
        ("𝐇𝐞𝐥𝐥𝐨", "hello", "en-us"),
        ("Henry Ⅷ", "Henry the eighth", "en-us"),
        ("oﬃce", "office", "en-us"),
        ("so\u00adft ze\u200dro", "soft zero", "nl"),
        ("سـلام", "سلام", "ar"),
        ("Nguyễn", "Nguyen", "en-us"),
        ("x\u0302y", "xy", "en-us"),
        ("don\u02bct", "don't", "en-us"),
        ("3‰", "three per mille", "en-us"),
    ],
)
def test_letters_that_look_otherwise_are_said_as_they_are_meant(frontend, text, same, language):
    assert frontend.phonemize(text, language).symbols == frontend.phonemize(same, language).symbols


@pytest.mark.parametrize("letter", ["ⱶ", "ƿ", "ʘ"])
def test_a_letter_of_latin_script_that_the_voice_would_spell_is_refused(frontend, letter):
    with pytest.raises(UserError, match=rf"cannot say '{letter}'"):
        frontend.phonemize(f"mama {letter}", "en-us")


def test_marks_of_other_scripts_are_marks(frontend):
    assert frontend.phonemize("यह एक है। यह दूसरा?", "hi").symbols.count(".") == 1
    assert frontend.phonemize("كيف حالك؟ شكرا، نعم", "ar").symbols.count("?") == 1


def test_a_text_in_its_own_letters_is_one_run():
    assert list(runs("hello world", "en-us")) == [("en-us", "hello world")]
    assert [voice for voice, text in runs("say 你好 привет now", "en-us") if text.strip()] == [
        "en-us",
        "cmn",
        "ru",
        "en-us",
    ]


def test_stress_of_ipa_goes_before_the_vowel_as_in_its_own_symbols(frontend):
    own = "".join(frontend.phonemize("hello", "en-us").symbols)
    assert frontend.read_ipa("həˈloʊ") == own == "həlˈoʊ"
    assert frontend.read_ipa("ˈæpəl ˌstɹʌkt") == "ˈæpəl stɹˌʌkt"
