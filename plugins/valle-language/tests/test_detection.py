"""Proverbs of nine languages are told apart; what is not clear is refused with the way to name it."""

from __future__ import annotations

import sys

import pytest

from valle_core.plugin import UserError
from valle_language import detection
from valle_language.detection import DETECTED, candidates_of, detect, detect_speakers, is_auto

PROVERBS = {
    "en": "The early bird catches the worm.",
    "fr": "Petit à petit, l'oiseau fait son nid.",
    "de": "Morgenstund hat Gold im Mund.",
    "es": "A quien madruga, Dios le ayuda.",
    "it": "Chi va piano va sano e va lontano.",
    "pt": "Água mole em pedra dura tanto bate até que fura.",
    "ja": "猿も木から落ちる。",
    "zh": "千里之行，始于足下。",
    "ko": "가는 말이 고와야 오는 말이 곱다.",
}


@pytest.mark.parametrize("language", PROVERBS)
def test_a_sentence_of_each_language_is_known(language):
    assert detect(PROVERBS[language], DETECTED).language == language


def test_regions_are_not_told_apart_and_the_note_says_so():
    found = detect(PROVERBS["es"], ["en-gb", "es-419", "es", "cmn"])
    assert (found.language, found.others) == ("es-419", ("es",))
    assert found.note() == "language detected: es-419 (the text does not tell it from es)"
    assert detect(PROVERBS["zh"], ["en-gb", "cmn"]).language == "cmn"


@pytest.mark.parametrize(("text", "why"), [("hello", "may be"), ("25", "no letters"), ("Ok", "may be")])
def test_what_is_not_clear_is_refused_with_the_way_to_name_it(text, why):
    with pytest.raises(UserError, match=rf"not clear: .*{why}.*Name it: --language TAG, one of en, fr"):
        detect(text, DETECTED)


def test_a_language_that_is_no_candidate_is_not_taken_for_one():
    with pytest.raises(UserError, match="it looks like 'de'"):
        detect(PROVERBS["de"], ["en-us", "fr"])


def test_short_lines_do_not_flip_a_speaker():
    texts = [("anna", PROVERBS["de"]), ("anna", "Der Hund schläft im Garten."), ("anna", "hello"), ("anna", "25")]
    speakers, lines = detect_speakers([*texts, ("paul", PROVERBS["fr"]), ("mute", "25")], DETECTED)
    assert speakers == {"anna": "de", "paul": "fr"}
    assert lines == {}


def test_a_speaker_of_two_languages_is_detected_line_by_line():
    speakers, lines = detect_speakers([("eva", PROVERBS["de"]), ("eva", PROVERBS["fr"]), ("eva", "25")], DETECTED)
    assert speakers == {}
    assert lines == {("eva", PROVERBS["de"]): "de", ("eva", PROVERBS["fr"]): "fr"}


def test_auto_may_name_its_candidates():
    assert is_auto("auto")
    assert is_auto("AUTO:en-gb, fr")
    assert not is_auto("de")
    assert not is_auto(None)
    assert candidates_of("auto:en-gb, fr", ["de"]) == ("en-gb", "fr")
    assert candidates_of("auto", ["de"]) == ("de",)


def test_without_the_extra_detection_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    monkeypatch.setitem(sys.modules, "py3langid", None)
    detection._load.cache_clear()
    with pytest.raises(UserError, match=r"pip install py3langid.*--language TAG"):
        detect("words", ["en", "fr"])
    detection._load.cache_clear()
