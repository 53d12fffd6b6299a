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


def said(**changes):
    """A frontend whose phonemes have other fields: `change(phonemes, text)` for each."""
    return giving(lambda one, text: replace(one, **{name: change(one, text) for name, change in changes.items()}))


def ending_in(symbol, when=lambda text: True):
    """A frontend that adds a symbol to some texts."""
    return said(symbols=lambda one, text: (*one.symbols, symbol) if when(text) else one.symbols)


def phonemizing(change):
    """A frontend that does otherwise: `change(phonemize, text, language)`."""

    class Faulty(Good):
        def phonemize(self, text, language):
            return change(super().phonemize, text, language)

    return Faulty


def reading(change):
    """A frontend that reads another text: `change(text, language)`."""
    return phonemizing(lambda phonemize, text, language: phonemize(change(text, language), language))


def giving(change):
    """A frontend that says something else: `change(said, text)`."""
    return phonemizing(lambda phonemize, text, language: change(phonemize(text, language), text))


def tagging(change):
    """A frontend that takes another language: `change(tag)`."""
    return phonemizing(lambda phonemize, text, language: phonemize(text, change(language)))


def methods(**changes):
    return type("Faulty", (Good,), changes)


def a_listed_language_is_refused(phonemize, text, language):
    if language == "de":
        raise UserError("language 'de' has no voice file")
    return phonemize(text, language)


def silence_is_a_result(phonemize, text, language):
    try:
        return phonemize(text, language)
    except UserError:
        if language not in ("en-us", "de"):
            raise
        return Phonemes(symbols=(), words=(), language=language)


def punctuation_is_said(phonemize, text, language):
    if text.strip() and set(text.strip()) <= set("?!. …—,"):
        return Phonemes(symbols=(text.strip()[0],), words=((0, 1),), language=language)
    return phonemize(text, language)


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


def spaces_are_left_out(phonemes, text):
    kept = [index for index, symbol in enumerate(phonemes.symbols) if symbol != " "]
    place = {index: new for new, index in enumerate(kept)}
    words = tuple((place[a], place[b - 1] + 1) for a, b in phonemes.words)
    return replace(phonemes, symbols=tuple(phonemes.symbols[index] for index in kept), words=words)


def symbols_come_as_a_list(phonemes, text):
    return replace(phonemes, symbols=list(phonemes.symbols))


def line_ends_are_symbols(phonemes, text):
    return replace(
        phonemes, symbols=tuple("\n" if symbol == " " and "\n" in text else symbol for symbol in phonemes.symbols)
    )


def unknown_words_are_dropped(text, language):
    return " ".join(word for word in text.split() if "zorbling" not in word and "Vögel" not in word)


def the_last_word_is_dropped(text, language):
    return " ".join(text.split()[:-1]) if len(text.split()) > 2 else text


def the_first_clause_alone_is_said(text, language):
    return text.split(".")[0] if any(c.isalpha() for c in text.split(".")[0]) else text


def other_scripts_break_it(text, language):
    return text.encode("latin-1").decode("latin-1")


UNKNOWN = "refuses_unknown_languages"
FAULTS = {
    "it knows no language": (methods(languages=lambda self: ()), "accepts_its_languages"),
    "a language stands twice": (methods(languages=lambda self: ("en-us", "de", "de")), "accepts_its_languages"),
    a_listed_language_is_refused: (phonemizing, "accepts_its_languages"),
    "the tag told is not taken": (said(language=lambda one, text: one.language.upper()), "accepts_its_languages"),
    "unknown languages are English": (tagging(lambda tag: "de" if tag == "de" else "en-us"), UNKNOWN),
    "endings of tags are ignored": (tagging(lambda tag: "en-us" if tag[:3] == "en-" else tag), UNKNOWN),
    "an unknown language is a KeyError": (tagging({"en-us": "en-us", "de": "de"}.__getitem__), UNKNOWN),
    silence_is_a_result: (phonemizing, "refuses_nothing_to_say"),
    punctuation_is_said: (phonemizing, "refuses_nothing_to_say"),
    symbols_come_as_a_list: (giving, "gives_clean_symbols"),
    "a space ends the text": (ending_in(" "), "gives_clean_symbols"),
    line_ends_are_symbols: (giving, "gives_clean_symbols"),
    "an empty symbol is left": (ending_in(""), "gives_clean_symbols"),
    "shift": (said(words=lambda one, text: tuple((a + 1, b + 1) for a, b in one.words)), "marks_every_word"),
    "inclusive ends": (said(words=lambda one, text: tuple((a, b - 1) for a, b in one.words)), "marks_every_word"),
    "words overlap": (
        said(words=lambda one, text: tuple((a, min(b + 1, len(one.symbols))) for a, b in one.words)),
        "marks_every_word",
    ),
    "words reversed": (said(words=lambda one, text: one.words[::-1]), "marks_every_word"),
    "one word for all": (said(words=lambda one, text: ((0, len(one.symbols)),)), "marks_every_word"),
    "the last word has no range": (said(words=lambda one, text: one.words[:-1] or one.words), "marks_every_word"),
    "an empty word is added": (said(words=lambda one, text: (*one.words, (len(one.symbols),) * 2)), "marks_every_word"),
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
    "stress is drawn": (ending_in("!", lambda text: torch.rand(()) > 2), "repeats_itself"),
    "switches are marked": (ending_in("(en)", lambda text: "hello" in text), "leaves_no_tags_in"),
    "brackets stay": (ending_in(")", lambda text: ")" in text), "leaves_no_tags_in"),
    other_scripts_break_it: (reading, "leaves_no_tags_in"),
    "a stray symbol is emitted": (ending_in("…", lambda text: "?" in text), "emits_only_its_symbols"),
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
