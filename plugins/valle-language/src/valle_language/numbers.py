"""Finding the numbers of a text and reading each as what it is: date, time, price, measure, year, telephone."""

from __future__ import annotations

import re
from functools import cache

from valle_language.number_words import MOST_DIGITS, cardinal, year_words
from valle_language.roman import clear_numeral, roman_value
from valle_language.writing.rules import Writing
from valle_language.writing.scan import VULGAR, vulgar

_NUMBER = r"\d+(?:[.,'’ ]\d{3})*(?:[.,]\d+)*"
_ISO = re.compile(r"(?<![\d-])(?P<y>\d{4})-(?P<mo>\d{2})-(?P<d>\d{2})(?![\d-])")
_DATE = re.compile(r"(?<![\d./-])(?P<a>\d{1,2})(?P<mark>[./-])(?P<b>\d{1,2})(?P=mark)(?P<y>\d{4})(?![\d/-])")
_TIME = re.compile(r"(?<![\d:.,])(?P<h>[01]?\d|2[0-4])(?::| ?h ?)(?P<m>[0-5]\d)(?: Uhr| h\b)?(?![\d:])")
_HOUR = re.compile(r"(?<![\d:.,])(?P<h>[01]?\d|2[0-4]) ?(?P<word>h|Uhr)\b")
_PHONE = re.compile(r"(?<![\w.,])(?:\+\d{1,3}[ -]?)?(?:\(\d+\)[ -]?)?\d{2,5}(?:[ -]\d{2,5}){2,}(?![\w.,]\d)|\+\d{6,}")
_SHORTEST_PHONE = 7  # digits
_DASH = re.compile(r"(?<=\d)\s?–\s?(?=\d)")
_HYPHEN = re.compile(r"(?<=\d)-(?=\d)")


_FRACTION = re.compile(r"(?<![\w/.,⁄])(?:(?P<whole>\d+) )?(?P<a>\d{1,2})[/⁄](?P<b>\d{1,2})(?![\w/⁄]|[.,]\d)")


def write_numbers(text: str, writing: Writing) -> str:
    """Every digit of `text` as words; a roman numeral where it is clear."""
    if re.search(VULGAR, text) and writing.fraction(1, 2) is not None:
        text = re.sub(VULGAR, vulgar, text)
    text = _roman(text, writing)
    if not any(character.isdigit() for character in text):
        return text
    text = _ISO.sub(lambda found: _date(found, int(found["mo"]), int(found["d"]), writing), text)
    text = _DATE.sub(lambda found: _numeric_date(found, writing), text)
    text = _DASH.sub(f" {writing.until} ", text)
    text = _FRACTION.sub(lambda found: _fraction(found, writing), text)
    text = _TIME.sub(lambda found: writing.time(int(found["h"]), int(found["m"])), text)
    text = _HOUR.sub(lambda found: _hour(found, writing), text)
    text = _PHONE.sub(lambda found: _phone(found, writing), text)
    text = _HYPHEN.sub(f" {writing.until} ", text)
    for pattern, write in (
        (_money_before(writing), _money),
        (_money_after(writing), _money),
        (_unit(writing), _measure),
    ):
        text = pattern.sub(lambda found, write=write: write(found, writing), text)
    text = re.sub(rf"(?P<n>{_NUMBER}) ?%", lambda found: f"{number(found['n'], writing)} {writing.percent}", text)
    return re.sub(rf"(?P<sign>(?<![\w)])[-−])?(?P<n>{_grouped(writing)})", lambda found: _plain(found, writing), text)


def number(text: str, writing: Writing) -> str:
    """A written number in the language's own marks, as words."""
    whole, fraction = _parts(text, writing)
    if whole is None:  # neither thousands nor a decimal: 1.2.3, or 1,2,3
        marks = {writing.decimal: f" {writing.point} ", ",": ", "}
        parts = re.split(r"([.,'’ ])", text)
        return "".join(_whole(part, writing) if part.isdigit() else marks.get(part, " ") for part in parts)
    said = _whole(whole, writing)
    if not fraction:
        return said
    together = len(fraction) <= writing.fraction_digits and fraction[0] != "0"
    digits = cardinal(int(fraction), writing.code) if together else by_digit(fraction, writing)
    return f"{said} {writing.point} {digits}"


def whole_word(sign: str) -> str:
    """Pattern of a sign; letters at its ends do not touch others."""
    first, last = r"(?<![^\W\d])" if sign[0].isalpha() else "", r"(?![^\W\d])" if sign[-1].isalpha() else ""
    return first + re.escape(sign) + last


def by_digit(digits: str, writing: Writing) -> str:
    """`007` → `zero zero seven`."""
    return " ".join(cardinal(int(digit), writing.code) for digit in digits)


def _whole(digits: str, writing: Writing) -> str:
    if (len(digits) > 1 and digits[0] == "0") or len(digits) > MOST_DIGITS:
        return by_digit(digits, writing)
    return cardinal(int(digits), writing.code)


def _parts(text: str, writing: Writing) -> tuple[str | None, str]:
    """Digits before and behind the decimal mark; None where the marks are neither decimal nor thousands."""
    groups = re.fullmatch(
        rf"(\d{{1,3}}(?:[{re.escape(writing.grouping)}'’]\d{{3}})+|\d+)(?:[{writing.decimal}](\d+))?", text
    )
    if groups is not None:
        return re.sub(r"\D", "", groups[1]), groups[2] or ""
    foreign = re.fullmatch(r"(\d+)[.,](\d+)", text)  # 3.14 in a French text, 3,14 in an English one
    return (foreign[1], foreign[2]) if foreign is not None else (None, "")


def _grouped(writing: Writing) -> str:
    space = " " if " " in writing.grouping else ""
    return rf"\d{{1,3}}(?:[{space}'’]\d{{3}}(?!\d))+(?:[.,]\d+)?|\d+(?:[.,]\d+)*" if space else r"\d+(?:[.,]\d+)*"


def _plain(found: re.Match[str], writing: Writing) -> str:
    text = found["n"]
    year = writing.years and re.fullmatch(r"1[1-9]\d\d|20\d\d", text) is not None and not found["sign"]
    said = year_words(int(text), writing.code) if year else number(text, writing)
    whole = found.string
    digits, fraction = _parts(text, writing)
    if digits is not None and not fraction and not year:
        said = writing.counted(said, whole[: found.start()], whole[found.end() :])
    before = " " if found.start() and whole[found.start() - 1].isalpha() else ""
    after = " " if found.end() < len(whole) and whole[found.end()].isalpha() else ""
    return before + (f"{writing.minus} " if found["sign"] else "") + said + after


def _fraction(found: re.Match[str], writing: Writing) -> str:
    said = writing.fraction(int(found["a"]), int(found["b"]))
    if said is None:
        return found.group()
    return (
        " ".join(filter(None, (number(found["whole"], writing), writing.and_fraction, said)))
        if found["whole"]
        else said
    )


def _date(found: re.Match[str], month: int, day: int, writing: Writing) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found.group().replace("-", " ").replace("/", " ")
    return writing.date(int(found["y"]), month, day, found.string[: found.start()])


def _numeric_date(found: re.Match[str], writing: Writing) -> str:
    first, second = int(found["a"]), int(found["b"])
    month, day = (first, second) if writing.order == "mdy" and found["mark"] != "." else (second, first)
    if month > 12 >= day:
        month, day = day, month
    return _date(found, month, day, writing)


def _hour(found: re.Match[str], writing: Writing) -> str:
    return writing.time(int(found["h"]), 0) if writing.code in ("fr", "de", "pt", "pt_BR") else found.group()


def _phone(found: re.Match[str], writing: Writing) -> str:
    text = found.group()
    groups = re.findall(r"\d+", text)
    if sum(map(len, groups)) < _SHORTEST_PHONE and not text.startswith("+"):
        return text
    if not text.startswith(("+", "0", "(")) and _parts(text, writing)[0] is not None:
        return text  # 1 234 567 is a number where a space parts thousands
    plus = f"{writing.symbols.get('+', '')} " if text.startswith("+") else ""
    return plus + ", ".join(by_digit(group, writing) for group in groups)


def _sign_of(writing: Writing) -> str:
    """Of a code in letters the whole word only."""
    return "|".join(whole_word(sign) for sign in sorted(writing.currencies, key=len, reverse=True))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _money_before(writing: Writing) -> re.Pattern[str]:
    return _pattern(rf"(?P<sign>{_sign_of(writing)}) ?(?P<n>{_grouped(writing)})(?: (?P<big>million|billion)s?\b)?")


def _money_after(writing: Writing) -> re.Pattern[str]:
    return _pattern(rf"(?P<n>{_grouped(writing)})(?P<big>(?!))? ?(?P<sign>{_sign_of(writing)})")


def _money(found: re.Match[str], writing: Writing) -> str:
    coin, hundredth = writing.currencies[found["sign"]]
    whole, fraction = _parts(found["n"], writing)
    if found["big"]:
        return f"{number(found['n'], writing)} {found['big']} {coin[1]}"
    if whole is None or len(fraction) not in (0, 2):
        return f"{number(found['n'], writing)} {coin[1]}"
    said = [] if fraction.strip("0") and int(whole) == 0 and hundredth[0] else [_amount(int(whole), coin, writing)]
    if fraction.strip("0"):
        cents = int(fraction)
        said.append(_amount(cents, hundredth, writing) if hundredth[0] else cardinal(cents, writing.code))
    return f" {writing.joined} ".join(said) if writing.joined and hundredth[0] else " ".join(said)


def _amount(count: int, noun: tuple[str, str, str], writing: Writing) -> str:
    one = count == 1 or (count == 0 and writing.code == "fr")
    return f"{writing.agree(cardinal(count, writing.code), noun[2])} {noun[0] if one else noun[1]}"


def _unit(writing: Writing) -> re.Pattern[str]:
    units = "|".join(re.escape(unit) for unit in sorted(writing.units, key=len, reverse=True))
    return _pattern(rf"(?<![\w])(?P<sign>[-−])?(?P<n>{_grouped(writing)}) ?(?P<unit>{units})(?!\w)")


def _measure(found: re.Match[str], writing: Writing) -> str:
    noun = writing.units[found["unit"]]
    whole, fraction = _parts(found["n"], writing)
    sign = f"{writing.minus} " if found["sign"] else ""
    if whole is None or fraction:
        return f"{sign}{number(found['n'], writing)} {noun[1]}"
    return sign + _amount(int(whole), noun, writing)


def _roman(text: str, writing: Writing) -> str:
    if not writing.regnal:
        return text
    return clear_numeral(tuple(writing.regnal)).sub(
        lambda found: f"{found['name']} {writing.roman(roman_value(found['n']), writing.regnal[found['name']])}", text
    )
