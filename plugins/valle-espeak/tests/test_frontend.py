from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
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
    said = frontend.phonemize(text, language)
    assert said.words
    assert all(symbol and (symbol == " " or symbol.strip() == symbol) for symbol in said.symbols)
    assert not set("_()") & set("".join(said.symbols))
    for start, end in said.words:
        assert 0 <= start < end <= len(said.symbols)
        assert " " not in said.symbols[start:end]
    assert all(left[1] <= right[0] for left, right in pairwise(said.words))


def test_marks_of_a_switched_language_never_appear(frontend):
    said = "".join(frontend.phonemize("Das ist ein Computer und ein Steak, hello world", "de").symbols)
    japanese = "".join(frontend.phonemize("こんにちは hello", "ja").symbols)
    assert "(" not in said + japanese
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


@pytest.mark.parametrize("text", ["", "   ", "?!… —", "\x00\n", "😀"])
def test_text_with_nothing_to_say_is_refused(frontend, text):
    with pytest.raises(UserError, match="nothing to say"):
        frontend.phonemize(text, "en-us")


def test_kanji_are_refused_rather_than_spelled_as_chinese_letter(frontend):
    with pytest.raises(UserError, match="kana"):
        frontend.phonemize("世界", "ja")


def test_numbers_keep_their_point(frontend):
    assert "ɔɪ" in frontend.phonemize("It costs 5.50 dollars.", "en-us").symbols  # "five point five zero"


def test_stress_and_punctuation_can_be_left_out():
    plain = build(EspeakOptions(stress=False, punctuation=False)).phonemize("Hello, world!", "en-us").symbols
    assert plain == ("h", "ə", "l", "oʊ", " ", "w", "ɜː", "l", "d")


@pytest.mark.parametrize("mark", ["¿", "¡", "—", "…", ";"])
def test_marks_become_symbols_and_never_words(frontend, mark):
    said = frontend.phonemize(f"{mark}hola{mark} amigo", "es")
    assert len(said.words) == 2
    assert all(mark not in said.symbols[start:end] for start, end in said.words)


def test_the_library_named_in_the_environment_is_used():
    code = "from valle_espeak.frontend import *; build(EspeakOptions())"
    environment = {**os.environ, "PHONEMIZER_ESPEAK_LIBRARY": "/nowhere/libespeak-ng.so"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert "UserError" in ran.stderr
    assert "/nowhere/libespeak-ng.so" in ran.stderr
