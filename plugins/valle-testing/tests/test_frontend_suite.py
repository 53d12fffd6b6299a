"""The suite of frontends catches faults planted in copies of a good one, each by the check it belongs to."""

from __future__ import annotations

from dataclasses import replace

import torch

from valle_core.plugin import PluginSpec, UserError
from valle_core.types import Phonemes
from valle_testing import planted, suite
from valle_testing.fakes.audio import FakeFrontend
from valle_testing.suites.frontend.written import WRITTEN_CHECKS

SPEC = PluginSpec(kind="frontend", name="f", api=1, summary="", factory="a:b", options="a:c")

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéèêàçñáíóúłńśćźżąęô0123456789"


class Good(FakeFrontend):
    """One symbol per letter, a mark after a word as a symbol of its own; knows its symbols; English and German."""

    def languages(self):
        return ("en-us", "de")

    def symbols(self):
        return (*LETTERS, *",.?!", " ")

    def phonemize(self, text, language):
        if language not in self.languages():
            raise UserError(f"language '{language}' is unknown. Choose one of en-us, de")
        symbols, words = [], []
        for word in text.lower().split():
            if odd := [letter for letter in word if letter.isalnum() and letter not in LETTERS]:
                raise UserError(f"text {text!r} has the letter '{odd[0]}', which is no letter of '{language}'")
            letters = [letter for letter in word if letter in LETTERS]
            if letters:
                symbols += [" "] if symbols else []
                words.append((len(symbols), len(symbols) + len(letters)))
                symbols += [*letters, *(mark for mark in word[-1:] if mark in ",.?!")]
        if not words:
            raise UserError(f"text {text!r} has no words. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=language)


def reading(change):
    """A frontend that reads another text: `change(text, language)`."""

    class Faulty(Good):
        def phonemize(self, text, language):
            return super().phonemize(change(text, language), language)

    return Faulty


def giving(change):
    """A frontend that says something else: `change(said, text)`."""

    class Faulty(Good):
        def phonemize(self, text, language):
            return change(super().phonemize(text, language), text)

    return Faulty


def methods(**changes):
    return type("Faulty", (Good,), changes)


def a_listed_language_is_refused():
    class Faulty(Good):
        def phonemize(self, text, language):
            if language == "de":
                raise UserError("language 'de' has no voice file")
            return super().phonemize(text, language)

    return Faulty


def unknown_languages_are_english():
    class Faulty(Good):
        def phonemize(self, text, language):
            return super().phonemize(text, language if language in self.languages() else "en-us")

    return Faulty


def endings_of_tags_are_ignored():
    class Faulty(Good):
        def phonemize(self, text, language):
            return super().phonemize(text, "en-us" if language.startswith("en-") else language)

    return Faulty


def an_unknown_language_is_a_key_error():
    class Faulty(Good):
        def phonemize(self, text, language):
            return super().phonemize(text, {"en-us": "en-us", "de": "de"}[language])

    return Faulty


def silence_is_a_result():
    class Faulty(Good):
        def phonemize(self, text, language):
            try:
                return super().phonemize(text, language)
            except UserError:
                if language not in self.languages():
                    raise
                return Phonemes(symbols=(), words=(), language=language)

    return Faulty


def punctuation_is_said():
    class Faulty(Good):
        def phonemize(self, text, language):
            if text.strip() and set(text.strip()) <= set("?!. …—,"):
                return Phonemes(symbols=(text.strip()[0],), words=((0, 1),), language=language)
            return super().phonemize(text, language)

    return Faulty


def the_last_language_stays():
    class Faulty(Good):
        last = ""

        def phonemize(self, text, language):
            phonemes = super().phonemize(text, language)
            changed, self.last = self.last not in ("", language), language
            return replace(phonemes, symbols=("ä", *phonemes.symbols[1:])) if changed else phonemes

    return Faulty


def every_call_adds_a_mark():
    class Faulty(Good):
        def phonemize(self, text, language):
            phonemes = super().phonemize(text, language)
            self.calls += 1
            return replace(phonemes, symbols=(*phonemes.symbols, *"!" * (self.calls % 2)))

    return Faulty


def a_hash_decides():
    made = iter(range(10**6))

    class Faulty(Good):
        def __init__(self):
            super().__init__()
            self.odd = next(made) % 2

        def phonemize(self, text, language):
            phonemes = super().phonemize(text, language)
            return replace(phonemes, symbols=(*phonemes.symbols, *"!" * self.odd))

    return Faulty


def stress_is_drawn(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, "!")) if torch.rand(()) > 2 else phonemes


def shift(phonemes, text):
    return replace(phonemes, words=tuple((a + 1, b + 1) for a, b in phonemes.words))


def inclusive_ends(phonemes, text):
    return replace(phonemes, words=tuple((a, b - 1) for a, b in phonemes.words))


def words_overlap(phonemes, text):
    return replace(phonemes, words=tuple((a, min(b + 1, len(phonemes.symbols))) for a, b in phonemes.words))


def words_reversed(phonemes, text):
    return replace(phonemes, words=phonemes.words[::-1])


def one_word_for_all(phonemes, text):
    return replace(phonemes, words=((0, len(phonemes.symbols)),))


def the_last_word_has_no_range(phonemes, text):
    return replace(phonemes, words=phonemes.words[:-1] or phonemes.words)


def an_empty_word_is_added(phonemes, text):
    return replace(phonemes, words=(*phonemes.words, (len(phonemes.symbols), len(phonemes.symbols))))


def spaces_are_left_out(phonemes, text):
    kept = [index for index, symbol in enumerate(phonemes.symbols) if symbol != " "]
    place = {index: new for new, index in enumerate(kept)}
    words = tuple((place[a], place[b - 1] + 1) for a, b in phonemes.words)
    return replace(phonemes, symbols=tuple(phonemes.symbols[index] for index in kept), words=words)


def symbols_come_as_a_list(phonemes, text):
    return replace(phonemes, symbols=list(phonemes.symbols))


def a_space_ends_the_text(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, " "))


def line_ends_are_symbols(phonemes, text):
    return replace(
        phonemes, symbols=tuple("\n" if symbol == " " and "\n" in text else symbol for symbol in phonemes.symbols)
    )


def an_empty_symbol_is_left(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, ""))


def switches_are_marked(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, "(en)")) if "hello" in text else phonemes


def brackets_stay(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, ")")) if ")" in text else phonemes


def a_stray_symbol_is_emitted(phonemes, text):
    return replace(phonemes, symbols=(*phonemes.symbols, "…")) if "?" in text else phonemes


def unknown_words_are_dropped(text, language):
    return " ".join(word for word in text.split() if "zorbling" not in word and "Vögel" not in word)


def the_last_word_is_dropped(text, language):
    return " ".join(text.split()[:-1]) if len(text.split()) > 2 else text


def the_first_clause_alone_is_said(text, language):
    return text.split(".")[0] if any(c.isalpha() for c in text.split(".")[0]) else text


def other_scripts_break_it(text, language):
    return text.encode("latin-1").decode("latin-1")


FAULTS = {
    "it knows no language": (methods(languages=lambda self: ()), "accepts_its_languages"),
    "a language stands twice": (methods(languages=lambda self: ("en-us", "de", "de")), "accepts_its_languages"),
    "a listed language is refused": (a_listed_language_is_refused(), "accepts_its_languages"),
    "the tag told is not taken": (
        giving(lambda phonemes, text: replace(phonemes, language=phonemes.language.upper())),
        "accepts_its_languages",
    ),
    "unknown languages are English": (unknown_languages_are_english(), "refuses_unknown_languages"),
    "endings of tags are ignored": (endings_of_tags_are_ignored(), "refuses_unknown_languages"),
    "an unknown language is a KeyError": (an_unknown_language_is_a_key_error(), "refuses_unknown_languages"),
    "silence is a result": (silence_is_a_result(), "refuses_nothing_to_say"),
    "punctuation is said": (punctuation_is_said(), "refuses_nothing_to_say"),
    symbols_come_as_a_list: (giving, "gives_clean_symbols"),
    a_space_ends_the_text: (giving, "gives_clean_symbols"),
    line_ends_are_symbols: (giving, "gives_clean_symbols"),
    an_empty_symbol_is_left: (giving, "gives_clean_symbols"),
    shift: (giving, "marks_every_word"),
    inclusive_ends: (giving, "marks_every_word"),
    words_overlap: (giving, "marks_every_word"),
    words_reversed: (giving, "marks_every_word"),
    one_word_for_all: (giving, "marks_every_word"),
    the_last_word_has_no_range: (giving, "marks_every_word"),
    an_empty_word_is_added: (giving, "marks_every_word"),
    spaces_are_left_out: (giving, "marks_every_word"),
    unknown_words_are_dropped: (reading, "says_every_word"),
    the_last_word_is_dropped: (reading, "says_all_of_a_long_text"),
    the_first_clause_alone_is_said: (reading, "says_all_of_a_long_text"),
    "five hundred letters are enough": (reading(lambda text, language: text[:500]), "says_all_of_a_long_text"),
    "a consonant is dropped": (reading(lambda text, language: text.replace("g", "")), "tells_sounds_apart"),
    "two consonants are one": (reading(lambda text, language: text.replace("d", "t")), "tells_sounds_apart"),
    "the last language stays": (the_last_language_stays(), "repeats_itself"),
    "every call adds a mark": (every_call_adds_a_mark(), "repeats_itself"),
    "a hash decides": (a_hash_decides(), "repeats_itself"),
    stress_is_drawn: (giving, "repeats_itself"),
    switches_are_marked: (giving, "leaves_no_tags_in"),
    brackets_stay: (giving, "leaves_no_tags_in"),
    other_scripts_break_it: (reading, "leaves_no_tags_in"),
    a_stray_symbol_is_emitted: (giving, "emits_only_its_symbols"),
    "the space is not listed": (methods(symbols=lambda self: (*LETTERS, *",.?!")), "emits_only_its_symbols"),
    "a word is declared": (Good, "declares_words_of_its_kind", replace(SPEC, capabilities=frozenset({"stress"}))),
    "a symbol is listed twice": (methods(symbols=lambda self: (*LETTERS, *",.?! a")), "emits_only_its_symbols"),
}
"""Fault → how it is planted, the check that must see it."""
PROCESS = {"leaves_the_process_alone"}
"""See test_process_faults."""

CASES = planted.cases("frontend", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_frontend_passes():
    report = suite.run("frontend", Good, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("passed") == len(suite.checks_of("frontend", SPEC))


def test_a_frontend_that_does_not_know_its_symbols_passes_and_the_check_is_skipped():
    report = suite.run("frontend", FakeFrontend)
    assert report.ok, report.table()
    assert report.count("skipped") == 1


def test_every_check_has_a_fault():
    checks = {check.__name__ for check in suite.checks_of("frontend", SPEC) if check not in WRITTEN_CHECKS}
    assert {fault.check for fault in CASES.values()} | PROCESS == checks
