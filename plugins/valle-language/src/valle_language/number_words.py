"""Numbers as words: num2words, and our own for Chinese."""

from __future__ import annotations

from types import ModuleType

from valle_core.plugin import UserError

MOST_DIGITS = 15
"""A longer number is read digit by digit; nobody says it, and not every language has the words."""


_CORRECTED = {
    "es": (("veintiuno mil", "veintiún mil"), ("uno mil", "un mil")),
    "sv": (("ettt", "ett"),),
    "da": (("en millioner", "en million"),),
}
"""What num2words spells wrongly."""


def _num2words() -> ModuleType:
    try:
        import num2words  # imported by those who meet a number only
    except ImportError:
        raise UserError(
            "numbers are written out by num2words, which is not installed. Install it with: "
            "pip install num2words, or write the numbers as words"
        ) from None
    return num2words


def cardinal(number: int, code: str) -> str:
    """`21` → `twenty-one`; no commas, and no more than the number itself."""
    words = _num2words().num2words(number, lang=code).replace(",", "")
    for wrong, right in _CORRECTED.get(code, ()):
        words = words.replace(wrong, right)
    return words


def ordinal(number: int, code: str) -> str:
    """`21` → `twenty-first`, masculine singular where the language asks."""
    return _num2words().num2words(number, lang=code, to="ordinal").replace(",", "")


def year_words(number: int, code: str) -> str:
    """`1987` → `nineteen eighty-seven`."""
    return _num2words().num2words(number, lang=code, to="year").replace(",", "")


def digit_words(digits: str, code: str) -> str:
    """`007` → `zero zero seven`."""
    return " ".join(cardinal(int(digit), code) for digit in digits)


def kana(number: int) -> str:
    """`300` → `さんびゃく`: Japanese as it is read."""
    return _num2words().num2words(number, lang="ja", reading=True)


_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")


def chinese(number: int) -> str:
    """`10203` → `一万零二百零三`; of at most `MOST_DIGITS`."""
    if number == 0:
        return "零"
    words, gap = "", False
    groups = [int(group) for group in _split(number)]
    for place, group in enumerate(groups):
        if group == 0:
            gap = bool(words)
            continue
        if words and (gap or group < 1000):
            words += "零"
        words += _below_ten_thousand(group) + _GROUPS[len(groups) - 1 - place]
        gap = False
    return words[1:] if words.startswith("一十") else words


def _split(number: int) -> list[str]:
    text = str(number)
    head = len(text) % 4 or 4
    return [text[:head], *(text[start : start + 4] for start in range(head, len(text), 4))]


def _below_ten_thousand(number: int) -> str:
    words, gap = "", False
    for place, digit in zip(range(3, -1, -1), f"{number:04d}", strict=True):
        if digit == "0":
            gap = bool(words)
            continue
        words += ("零" if gap else "") + _DIGITS[int(digit)] + _PLACES[place]
        gap = False
    return words


def chinese_digits(digits: str) -> str:
    """Digit by digit, as years and telephone numbers are read."""
    return "".join(_DIGITS[int(digit)] for digit in digits)
