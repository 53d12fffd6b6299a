from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from valle_espeak import japanese
from valle_espeak.frontend import EspeakFrontend, EspeakOptions, build

from valle_core.interfaces import Frontend
from valle_core.plugin import UserError


@pytest.fixture(scope="module")
def frontend() -> EspeakFrontend:
    return build(EspeakOptions())


def test_it_is_a_frontend(frontend):
    assert isinstance(frontend, Frontend)


def test_english_is_spoken_symbol_by_symbol(frontend):
    assert frontend.phonemize("Hello, world!", "en-us").symbols == (
        *("h", "ə", "l", "ˈ", "oʊ", ",", " ", "w", "ˈ", "ɜː", "l", "d", "!"),
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Good morning"),
        ("fr", "Bonjour le monde"),
        ("de", "Schöne Übung"),
        ("es", "Buenos días"),
        ("it", "Buongiorno a tutti"),
        ("pt", "Bom dia"),
        ("ja", "こんにちは、せかい"),
        ("zh", "你好，世界"),
        ("ko", "안녕하세요 여러분"),
        ("pl", "Dzień dobry"),
        ("ru", "Привет, мир"),
        ("nl", "Goedemorgen allemaal"),
    ],
)
def test_many_languages_give_words_whose_ranges_hold_their_symbols(frontend, language, text):
    phonemes = frontend.phonemize(text, language)
    assert phonemes.words
    assert all(symbol and (symbol == " " or symbol.strip() == symbol) for symbol in phonemes.symbols)
    assert not set("_()") & set("".join(phonemes.symbols))
    for start, end in phonemes.words:
        assert 0 <= start < end <= len(phonemes.symbols)
        assert " " not in phonemes.symbols[start:end]
    assert all(left[1] <= right[0] for left, right in pairwise(phonemes.words))


def test_marks_of_a_switched_language_never_appear(frontend):
    phonemes = "".join(frontend.phonemize("Das ist ein Computer und ein Steak, hello world", "de").symbols)
    japanese = "".join(frontend.phonemize("こんにちは hello", "ja").symbols)
    assert "(" not in phonemes + japanese
    assert "en" not in japanese


def test_regions_are_kept_apart(frontend):
    spain = frontend.phonemize("gracias", "es").symbols
    america = frontend.phonemize("gracias", "es-419").symbols
    assert "θ" in spain
    assert "θ" not in america
    assert frontend.phonemize("bom dia", "pt").symbols != frontend.phonemize("bom dia", "pt-br").symbols


def test_tags_are_read_in_any_case_and_aliases_name_the_tag_used(frontend):
    assert frontend.phonemize("hello", "EN_us").language == "en-us"
    assert frontend.phonemize("hello", "en").language == "en-us"
    assert frontend.phonemize("你好", "zh").language == "cmn"


def test_languages_do_not_leak_from_one_text_to_the_next(frontend):
    before = frontend.phonemize("vision", "en-us").symbols
    frontend.phonemize("vision", "fr")
    assert frontend.phonemize("vision", "en-us").symbols == before


@pytest.mark.parametrize(("wrong", "near"), [("en-zz", "en-us"), ("frr", "fr"), ("cnm", "cmn")])
def test_an_unknown_language_is_refused_with_the_nearest_names(frontend, wrong, near):
    with pytest.raises(UserError, match=f"no language '{wrong}'.*{near}"):
        frontend.phonemize("hello", wrong)


@pytest.mark.parametrize("text", ["", "   ", "?!… —", "\x00\n", "“( )”"])
def test_text_with_nothing_to_say_is_refused(frontend, text):
    with pytest.raises(UserError, match="has no words"):
        frontend.phonemize(text, "en-us")


def test_kanji_without_what_reads_them_are_refused_and_told_what_to_install(frontend, monkeypatch):
    monkeypatch.setitem(sys.modules, "fugashi", None)
    japanese._tagger.cache_clear()
    with pytest.raises(
        UserError, match=r"reads kanji with fugashi .*pip install fugashi unidic-lite, or write Japanese in kana"
    ):
        frontend.phonemize("世界", "ja")
    japanese._tagger.cache_clear()


@pytest.mark.parametrize(
    ("kanji", "kana"),
    [
        ("猿も木から落ちる。", "サルも キから オチル。"),
        ("今日は東京へ行きました。", "キョーわ トーキョーえ イキました。"),
        ("私は学生です。", "わたしわ ガクセーです。"),
    ],
)
def test_kanji_are_read_and_particles_sound_as_they_are_said(frontend, kanji, kana):
    assert frontend.phonemize(kanji, "ja") == frontend.phonemize(kana, "ja")


def test_a_japanese_sentence_with_numbers_is_said_as_it_is_counted(frontend):
    phonemes = frontend.phonemize("4時に3人で本を2冊買いました。", "ja")
    assert phonemes == frontend.phonemize("よじにさんにんで ホンをにさつ カイました。", "ja")


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        (
            "en-us",
            "Dr. Smith paid $5.50 in 1987.",
            "Doctor Smith paid five dollars and fifty cents in nineteen eighty-seven.",
        ),
        ("fr", "M. Dupont a 21 ans.", "Monsieur Dupont a vingt et un ans."),
        ("de", "Am 3. Mai kamen z. B. 25 %.", "Am dritten Mai kamen zum Beispiel fünfundzwanzig Prozent."),
        ("es", "La Sra. García pagó 21 €.", "La señora García pagó veintiún euros."),
        ("zh", "他有2个苹果，25%。", "他有两个苹果，百分之二十五。"),
        ("ko", "3명이 3시에 왔다.", "세 명이 세 시에 왔다."),
    ],
)
def test_numbers_and_abbreviations_have_a_word_range_for_each_word_that_is_said(frontend, language, text, spoken):
    assert frontend.phonemize(text, language) == frontend.phonemize(spoken, language)


def test_numbers_can_be_left_to_espeak():
    own = build(EspeakOptions(normalise=False)).phonemize("am 3. Mai", "de")
    assert own.symbols != build(EspeakOptions()).phonemize("am 3. Mai", "de").symbols


def test_a_symbol_nobody_can_say_is_refused_by_name_and_not_left_out(frontend):
    with pytest.raises(UserError, match=r"cannot say '😀' \(GRINNING FACE\), '⌘'"):
        frontend.phonemize("good 😀 ⌘ bad", "en-us")


def test_numbers_keep_their_point(frontend):
    assert "ɔɪ" in frontend.phonemize("It costs 5.50 dollars.", "en-us").symbols  # "five point five zero"


def test_stress_and_punctuation_can_be_left_out():
    plain = build(EspeakOptions(stress=False, punctuation=False)).phonemize("Hello, world!", "en-us").symbols
    assert plain == ("h", "ə", "l", "oʊ", " ", "w", "ɜː", "l", "d")


@pytest.mark.parametrize("mark", ["¿", "¡", "—", "…", ";"])
def test_marks_become_symbols_and_never_words(frontend, mark):
    phonemes = frontend.phonemize(f"{mark}hola{mark} amigo", "es")
    assert len(phonemes.words) == 2
    assert all(mark not in phonemes.symbols[start:end] for start, end in phonemes.words)


def test_the_library_named_in_the_environment_is_used():
    code = "from valle_espeak.frontend import *; build(EspeakOptions())"
    environment = {**os.environ, "PHONEMIZER_ESPEAK_LIBRARY": "/nowhere/libespeak-ng.so"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "UserError" in ran.stderr
    assert "/nowhere/libespeak-ng.so" in ran.stderr
