"""The suite of frontends catches those that drop what people write."""

from __future__ import annotations

import re

from valle_core.plugin import PluginSpec, UserError
from valle_core.types import Phonemes
from valle_testing import planted, suite
from valle_testing.fakes.audio import FakeFrontend

SPEC = PluginSpec(kind="frontend", name="f", api=1, summary="", factory="a:b", options="a:c")


class Good(FakeFrontend):
    """Letters and figures of every script, one symbol each; three languages."""

    def languages(self):
        return ("en-us", "de", "ru")

    def phonemize(self, text, language):
        if language not in self.languages():
            raise UserError(f"language '{language}' is unknown. Choose one of en-us, de, ru")
        symbols, words = [], []
        for word in text.lower().split():
            letters = [letter for letter in word if letter.isalnum()]
            if letters:
                symbols += [" "] if symbols else []
                words.append((len(symbols), len(symbols) + len(letters)))
                symbols += letters
        if not words:
            raise UserError(f"text {text!r} has no words. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=language)


def reading(change):
    """A frontend that reads another text: `change(text, language)`."""

    class Faulty(Good):
        def phonemize(self, text, language):
            return super().phonemize(change(text, language), language)

    return Faulty


def figures_are_dropped_in_german(text, language):
    return re.sub(r"\d", "", text) if language == "de" else text


def words_in_capitals_are_dropped(text, language):
    return " ".join(word for word in text.split(" ") if not (word.isupper() and len(word) > 1))


def names_are_dropped(text, language):
    return " ".join(word for word in text.split(" ") if not word.istitle())


def capitals_at_the_head_are_the_word(text, language):
    return re.sub(r"\b([A-ZÄÖÜМБР])\w*", "", text)


def the_first_line_is_the_text(text, language):
    return text.strip().splitlines()[0] if text.strip() else text


def other_scripts_are_dropped(text, language):
    kept = "".join(c for c in text if ord(c) < 0x250 or language == "ru")
    return kept if kept.strip() or not text.strip() else text


def a_tag_is_mute():
    class Faulty(Good):
        def phonemize(self, text, language):
            if language == "de":
                raise UserError("language 'de' has no voice")
            return super().phonemize(text, language)

    return Faulty


LONG = "says_very_long_words"
FIGURES, CAPITALS, LINES = "says_figures", "says_capitals", "says_every_line"
FOREIGN, TAGS = "says_or_refuses_foreign_letters", "speaks_every_tag"


def very_long_words_are_dropped(text, language):
    return " ".join(word for word in text.split() if len(word) <= 400)


def a_very_long_word_ends_the_text(text, language):
    words = text.split()
    at = next((place for place, word in enumerate(words) if len(word) > 100), len(words))
    return " ".join(words[:at]) or text


def a_very_long_word_is_no_error_of_the_user(text, language):
    if max(map(len, text.split()), default=0) > 255:
        raise IndexError("string index out of range")
    return text


FAULTS = {
    very_long_words_are_dropped: (reading, LONG),
    a_very_long_word_ends_the_text: (reading, LONG),
    a_very_long_word_is_no_error_of_the_user: (reading, LONG),
    "figures are dropped": (reading(lambda text, language: re.sub(r"\d", "", text)), FIGURES),
    figures_are_dropped_in_german: (reading, FIGURES),
    "the last digit is dropped": (reading(lambda text, language: re.sub(r"\d\b", "", text)), FIGURES),
    "every figure is the same": (reading(lambda text, language: re.sub(r"\d+", "1", text)), FIGURES),
    "a leading figure is a list number": (reading(lambda text, language: re.sub(r"^\d+\.?\s", "", text)), FIGURES),
    words_in_capitals_are_dropped: (reading, CAPITALS),
    names_are_dropped: (reading, CAPITALS),
    capitals_at_the_head_are_the_word: (reading, CAPITALS),
    the_first_line_is_the_text: (reading, LINES),
    "text ends at an empty line": (reading(lambda text, language: text.split("\n\n")[0]), LINES),
    "line ends join words": (reading(lambda text, language: text.replace("\r\n", "")), LINES),
    "tabs start a comment": (reading(lambda text, language: text.split("\t")[0]), LINES),
    other_scripts_are_dropped: (reading, FOREIGN),
    "ideographs are dropped": (reading(lambda text, language: re.sub(r"[\u3000-\uffff]", "", text)), FOREIGN),
    "a tag is mute": (a_tag_is_mute(), TAGS),
}
CASES = planted.cases("frontend", FAULTS, spec=SPEC)
test_a_planted_fault_is_caught = planted.each_is_caught(CASES)


def test_a_good_frontend_passes():
    report = suite.run("frontend", Good)
    assert report.ok, report.table()
