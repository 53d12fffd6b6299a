"""Roman numerals, read only where nothing else can be meant."""

from __future__ import annotations

import re

ROMAN = r"(?=[IVXLC])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
"""1 to 399, the numbers of kings, centuries and chapters."""

_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def roman_value(numeral: str) -> int:
    """Value of a numeral that `ROMAN` matches."""
    values = [_VALUES[letter] for letter in numeral]
    return sum(-now if now < after else now for now, after in zip(values, [*values[1:], 0], strict=True))


def clear_numeral(words: tuple[str, ...]) -> re.Pattern[str]:
    """A numeral right behind one of these words, and not before a letter, digit or apostrophe."""
    named = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    return re.compile(rf"\b(?P<name>{named}) (?P<n>{ROMAN})(?:\.(?= [a-zäöüß]))?(?![\w'’])")
