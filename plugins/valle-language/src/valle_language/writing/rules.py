"""What a language must say about its numbers and abbreviations, as plain data and small functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]
"""Where it matches, and what is written there instead."""

Noun = tuple[str, str, str]
"""Singular, plural, and gender (`m`, `f` or `n`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """The habits of one language.

    Attributes:
        code: the language for num2words; "" where the numbers are our own.
        decimal: mark before the fraction.
        grouping: marks between groups of three digits.
        point: the decimal mark as a word.
        fraction_digits: longest fraction read as one number; longer ones and 05 are read digit by digit.
        minus, percent: words.
        until: word of a range, as in 10–12.
        abbreviations: with their full stops → written out; one that ends in # counts before a digit only.
        closing: the abbreviations that may also end a sentence.
        units: after a number → noun.
        currencies: symbol or code → the coin and its hundredth.
        joined: word between a price and its hundredths.
        months: twelve names.
        symbols: single characters → words.
        years: whether 1100–1999 (and what num2words does beyond) are read in pairs of digits.
        agree: (number in words, gender) → the form before a noun.
        special: rules of its own (1st, 2º, 3. …), applied first.
        figures: more of them, for texts with a digit.
        date: (year or None, month, day, the text before it) → words; None where there is no numeric form.
        order: of the numbers in a date with slashes or points.
        time: (hour, minute) → words.
        regnal: names and words a roman numeral is clear behind → how it is read ("ordinal", "cardinal").
        roman: (number, reading) → words.
        fraction: (numerator, denominator) of a fraction below 100/100 → words; None where there is no such reading.
        and_fraction: the word between a whole number and its fraction, as in 2½.
        counted: (an integer in words, the text before, the text behind) → its form there.
        power: (an exponent, such as 2, -5 or n) → words behind a number, letter or unit; None: digits are left.
        starters: pattern of words that begin a sentence rather than a name, behind initials; "" where none are known.
        opens: pattern of the word that begins a new sentence behind an abbreviation that may end one.
    """

    code: str
    decimal: str
    grouping: str
    point: str
    fraction_digits: int
    minus: str
    percent: str
    until: str
    abbreviations: Mapping[str, str]
    closing: frozenset[str]
    units: Mapping[str, Noun]
    currencies: Mapping[str, tuple[Noun, Noun]]
    joined: str
    months: tuple[str, ...]
    symbols: Mapping[str, str]
    agree: Callable[[str, str], str]
    date: Callable[[int | None, int, int, str], str]
    time: Callable[[int, int], str]
    years: bool = False
    order: str = "dmy"
    special: tuple[Rule, ...] = ()
    figures: tuple[Rule, ...] = ()
    regnal: Mapping[str, str] = field(default_factory=dict)
    roman: Callable[[int, str], str] = lambda number, reading: str(number)
    fraction: Callable[[int, int], str | None] = lambda numerator, denominator: None
    and_fraction: str = ""
    counted: Callable[[str, str, str], str] = lambda words, before, after: words
    power: Callable[[str], str | None] = lambda exponent: None
    starters: str = ""
    opens: str = "[A-ZÀ-Þ]"


def unchanged(words: str, gender: str) -> str:
    """For languages whose numbers do not agree with a noun."""
    return words
