"""Text as people write it → text as they say it: numbers, dates, money, units and abbreviations as words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from valle_language.characters import SUPERSCRIPTS, tidy
from valle_language.habits import east_asian_writer, writing_of
from valle_language.markup import has_markup, refuse_phonemes, spoken_breaks
from valle_language.number_words import digit_words
from valle_language.numbers import whole_word, write_numbers
from valle_language.writing.plain import write_plain
from valle_language.writing.rules import Writing

_DIGIT = re.compile(r"\d")
_ENDLESS = re.compile(r"\d{31,}")
_RAISED = re.compile(rf"[{''.join(SUPERSCRIPTS)}]+")
_UNIT_BEFORE = re.compile(r"\d ?(?:[a-zµμ]{1,3}|ft|yd|mi|in)$")


def normalise(text: str, language: str) -> str:
    """`text` with its numbers and abbreviations written out; plain words come back as they are.

    Breaks (`<break time="500ms"/>`) become commas. A language without rules comes back `tidy`; of some that have
    none (`writing/plain.py`), figures and signs are still written out.

    Raises:
        UserError: there is a number, and num2words is not installed; another tag than a break; phonemes in `[[ ]]`.
    """
    if has_markup(text):
        refuse_phonemes(text)
        text = spoken_breaks(text)
    asian = east_asian_writer(language)
    if asian is not None:
        return asian(tidy(text, wide_marks=True))
    writing = writing_of(language)
    if writing is None:
        return write_plain(tidy(text), language)
    text = tidy(text, loose_marks=False)
    text = _ENDLESS.sub(lambda found: digit_words(found.group(), writing.code), text)
    for pattern, written in writing.special:
        text = pattern.sub(written, text)
    if writing.figures and _DIGIT.search(text):
        for pattern, written in writing.figures:
            text = pattern.sub(written, text)
    text = _write_abbreviations(text, writing)
    text = _RAISED.sub(lambda found: _power(found, writing), text)
    text = write_numbers(text, writing)
    return _write_symbols(text, writing)


@cache
def abbreviation_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """These abbreviations where they stand alone; the longest first."""
    each = [_alone(word) for word in sorted(words, key=len, reverse=True)]
    return re.compile(rf"(?<![\w.])(?:{'|'.join(each)})")


def _alone(word: str) -> str:
    """Pattern of one abbreviation; one that is written small may begin a sentence."""
    bare = word.rstrip("#")
    first = f"[{bare[0]}{bare[0].upper()}]" if bare[0].islower() else re.escape(bare[0])
    behind = r"(?= ?\d)" if word.endswith("#") else "" if word.endswith(".") else r"(?!\w)"
    return first + re.escape(bare[1:]) + behind


def _write_abbreviations(text: str, writing: Writing) -> str:
    def written(found: re.Match[str]) -> str:
        short = found.group()
        words = _meaning(short, writing)
        rest = text[found.end() :]
        ends = short in writing.closing and (
            not rest.strip() or re.match(rf"[\"'”’»)]*\s+{writing.opens}", rest) is not None
        )
        before = text[: found.start()].rstrip()
        starts = not before or (before[-1] in ".!?…" and short not in writing.closing)
        said = words[0].upper() + words[1:] if starts else words
        return said + ("." if ends and short.endswith(".") else "")

    return abbreviation_pattern(tuple(writing.abbreviations)).sub(written, text)


def _meaning(short: str, writing: Writing) -> str:
    """Of an abbreviation as it was met: perhaps with a capital at the start of a sentence."""
    for word in (short, short[0].lower() + short[1:]):
        for key in (word, f"{word}#"):
            if key in writing.abbreviations:
                return writing.abbreviations[key]
    return short


def _power(found: re.Match[str], writing: Writing) -> str:
    """`x²` → `x squared`; a unit keeps its own, as in 5 m²."""
    if _UNIT_BEFORE.search(found.string[: found.start()]) and any(found.group() in unit for unit in writing.units):
        return found.group()
    exponent = "".join(SUPERSCRIPTS[sign] for sign in found.group())
    said = writing.power(exponent)
    return f" {exponent}" if said is None else f" {said}"


def _write_symbols(text: str, writing: Writing) -> str:
    alone = {sign: coin[1] for sign, (coin, _) in writing.currencies.items()}
    for symbol, word in {**writing.symbols, "%": writing.percent, **alone}.items():
        if symbol in text:
            text = re.sub(rf" ?{whole_word(symbol)}(?P<gap> ?)(?=(?P<next>.?))", _spaced(word), text).strip()
    return text


def _spaced(word: str) -> Callable[[re.Match[str]], str]:
    """The word with a space on each side, but none before a mark that closes."""
    return lambda found: f" {word}{found['gap'] if found['next'] in '.,;:!?)]…' else ' '}"
