"""Written forms that all languages with letters share: proportions, seasons, bank accounts, telephone numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from valle_language.number_words import cardinal, digit_words, year_words
from valle_language.writing.rules import Noun, Rule


def proportion(word: str, code: str) -> Rule:
    """`16:9`, `3:1`: what cannot be a time, as minutes have two digits."""
    return (
        re.compile(r"(?<![\d:.,/])(?P<a>\d{1,3}) ?: ?(?P<b>\d)(?![\d:/]|[.,]\d)"),
        lambda found: f"{cardinal(int(found['a']), code)} {word} {cardinal(int(found['b']), code)}",
    )


def season(code: str) -> Rule:
    """`2024/25`: the slash is not said."""
    return (
        re.compile(r"(?<![\d/])(?P<y>(?:1[89]|20)\d\d)/(?P<n>\d\d)(?![\d/])"),
        lambda found: f"{year_words(int(found['y']), code)} {cardinal(int(found['n']), code)}",
    )


def account(code: str) -> Rule:
    """An IBAN: its letters, then groups of digits one by one."""

    def said(found: re.Match[str]) -> str:
        groups = [found["check"], *re.findall(r".{1,4}", found["rest"].replace(" ", ""))]
        return f"{' '.join(found['country'])} " + ", ".join(_characters(group, code) for group in groups)

    return re.compile(
        r"\b(?P<country>[A-Z]{2})(?P<check>\d\d)(?P<rest>(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?)\b"
    ), said


def _characters(group: str, code: str) -> str:
    return " ".join(digit_words(character, code) if character.isdigit() else character for character in group)


def telephone(pattern: str, code: str, plus: str) -> Rule:
    """Numbers of that shape digit by digit, in their groups; `plus` is the word of the sign."""
    return (
        re.compile(rf"(?<![\w.,/+-])(?:{pattern})(?![\w/]|[.,-]\d)"),
        lambda found: _groups(found.group(), code, plus),
    )


def called(words: str, code: str, plus: str) -> Rule:
    """A number behind the word for a telephone, whatever its shape."""
    return (
        re.compile(rf"(?P<word>\b(?:{words})(?: ?[.:])* )(?P<n>\+?[\d(][\d ()/.-]{{4,}}\d)(?![\w/]|[.,-]\d)"),
        lambda found: found["word"] + _groups(found["n"], code, plus),
    )


def _groups(text: str, code: str, plus: str) -> str:
    said = ", ".join(digit_words(group, code) for group in re.findall(r"\d+", text))
    return f"{plus} {said}" if text.startswith("+") else said


def day_month(words: str, date: Callable[[int | None, int, int, str], str]) -> Rule:
    """`le 14/07`: a day and a month, behind a word that days stand behind; elsewhere it is a fraction."""
    return (
        re.compile(rf"(?P<word>\b(?:{words}) )(?P<d>0?[1-9]|[12]\d|3[01])/(?P<m>0?[1-9]|1[0-2])(?![\d/])"),
        lambda found: found["word"] + date(None, int(found["m"]), int(found["d"]), found["word"]),
    )


def rewritten(pattern: str, written: str) -> Rule:
    """What matches, as a template with its groups."""
    return re.compile(pattern), lambda found: found.expand(written)


def product(word: str) -> Rule:
    """`3x4`, `3 * 4`."""
    return (re.compile(r"(?<=\d) ?[x*×] ?(?=\d)"), lambda found: f" {word} ")


def per(word: str, amounts: str, nouns: str, units: Mapping[str, Noun]) -> Rule:
    """`10 €/kg`, `5 Euro/Monat`; a unit of its own such as km/h stays one."""

    def said(found: re.Match[str]) -> str:
        of, by = found["of"], found["by"]
        if f"{of}/{by}" in units:
            return found.group()
        return f"{of} {word} {units[by][0] if by in units else by}"

    pattern = rf"(?P<of>[€$£%]|\b(?:{amounts}|kg|km|[tl])) ?/ ?(?P<by>(?:{nouns}|kg|km|[hltm])\b|m²|km²)"
    return re.compile(pattern), said


def millions(words: Mapping[str, tuple[str, str]], coins: Mapping[str, str]) -> Rule:
    """`5 M€`, `3 mln €`: short forms with their singular and plural, coins as they are said behind them."""

    def said(found: re.Match[str]) -> str:
        one, many = words[found["big"]]
        return f"{found['n']} {one if found['n'] == '1' else many} {coins[found['sign']]}"

    short = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    signs = "|".join(re.escape(sign) for sign in sorted(coins, key=len, reverse=True))
    pattern = rf"(?<![\w.,])(?P<n>\d{{1,3}}(?:[. ]\d{{3}})*(?:,\d+)?|\d+(?:,\d+)?) ?(?P<big>{short}) ?(?P<sign>{signs})"
    return re.compile(pattern), said


def powers(square: str, cube: str, other: str, minus: str, code: str) -> Callable[[str], str]:
    """What `Writing.power` asks for: words of ², ³ and of any other exponent, which follows `other`."""

    def said(exponent: str) -> str:
        if exponent in ("2", "3"):
            return square if exponent == "2" else cube
        digits = exponent.lstrip("+-")
        words = cardinal(int(digits), code) if digits.isdigit() else digits
        return " ".join(filter(None, (other, minus if exponent.startswith("-") else "", words)))

    return said
