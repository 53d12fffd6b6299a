"""Japanese: numbers in kana, so that they are read as they are counted (四時 is よじ, 一人 is ひとり)."""

from __future__ import annotations

import re

from valle_core.text.number_words import MOST_DIGITS, kana
from valle_core.text.writing.scan import Step, write_all

_DIGITS = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HOURS = {4: "よ", 7: "しち", 9: "く", 0: "れい"}
_MONTHS = {4: "し", 7: "しち", 9: "く"}
_DAYS = ("", "ついたち", "ふつか", "みっか", "よっか", "いつか", "むいか", "なのか", "ようか", "ここのか", "とおか")
_ODD_DAYS = {14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか"}
_PEOPLE = {1: "ひとり", 2: "ふたり", 4: "よにん"}
_THINGS = ("", "ひと", "ふた", "みっ", "よっ", "いつ", "むっ", "なな", "やっ", "ここの")
_BOOKS = {1: "いっさつ", 8: "はっさつ", 10: "じゅっさつ"}
_LONG = ("", "いっぽん", "にほん", "さんぼん", "よんほん", "ごほん", "ろっぽん", "ななほん", "はっぽん", "きゅうほん")
_UNITS = {
    "km/h": "キロメートルまいじ",
    "km": "キロメートル",
    "cm": "センチメートル",
    "mm": "ミリメートル",
    "kg": "キログラム",
    "mg": "ミリグラム",
    "m": "メートル",
    "g": "グラム",
    "ml": "ミリリットル",
    "°C": "ど",
    "℃": "ど",
}
_MONEY = {"¥": "えん", "￥": "えん", "$": "ドル", "€": "ユーロ", "£": "ポンド"}
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))


def number(text: str) -> str:
    """`1,234.5` → `せんにひゃくさんじゅうよんてんご`."""
    whole, _, fraction = text.replace(",", "").partition(".")
    digit_by_digit = len(whole) > MOST_DIGITS or (whole[0] == "0" and whole != "0")
    said = _by_digit(whole) if digit_by_digit else "れい" if fraction and whole == "0" else kana(int(whole))
    return said + (f"てん{_by_digit(fraction)}" if fraction else "")


def _by_digit(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _hour(hour: int) -> str:
    if hour in (10, 20) or hour % 10 not in _HOURS:
        return f"{kana(hour)}じ"
    return f"{kana(hour - hour % 10) if hour > 10 else ''}{_HOURS[hour % 10]}じ"


def _minute(minute: int) -> str:
    """分 is ふん or ぷん by the number before it."""
    last = minute % 10
    tens = kana(minute - last) if minute > 10 and last else ""
    odd = {1: "いっぷん", 3: "さんぷん", 4: "よんぷん", 6: "ろっぷん", 8: "はっぷん"}
    if minute and last == 0:
        return (kana(minute // 10) if minute > 10 else "") + "じゅっぷん"
    return tens + odd.get(last, f"{kana(last)}ふん")


def _time(found: re.Match[str]) -> str:
    minute = int(found["m"])
    return _hour(int(found["h"])) + (_minute(minute) if minute else "")


def _month(number: int) -> str:
    return f"{_MONTHS.get(number, kana(number))}がつ"


def _day(number: int) -> str:
    if number in _ODD_DAYS:
        return _ODD_DAYS[number]
    return _DAYS[number] if number < len(_DAYS) else f"{kana(number)}にち"


def _date(found: re.Match[str]) -> str:
    return f"{kana(int(found['y']))}ねん{_month(int(found['mo']))}{_day(int(found['d']))}"


def _people(found: re.Match[str]) -> str:
    return _PEOPLE.get(int(found["n"]), f"{number(found['n'])}にん")


def _books(found: re.Match[str]) -> str:
    return _BOOKS.get(int(found["n"]), f"{number(found['n'])}さつ")


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
STEPS: tuple[Step, ...] = (
    (r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)", _date),
    (r"(?<!\d)(?P<n>\d{3,4})年", lambda f: f"{kana(int(f['n']))}ねん"),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])月(?P<d>3[01]|[12]\d|[1-9])日", lambda f: _month(int(f["n"])) + _day(int(f["d"]))),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])月", lambda f: _month(int(f["n"]))),
    (r"(?<!\d)(?P<d>[1-9]|10|14|2[04])日(?!本)", lambda f: _day(int(f["d"]))),
    (r"(?<!\d)(?P<h>[01]?\d|2[0-3])[:：時](?P<m>[0-5]?\d)(?:分|(?<=\d\d))(?!\d)", _time),
    (r"(?<!\d)(?P<n>1?\d|2[0-4])時(?!間)", lambda f: _hour(int(f["n"]))),
    (r"(?<!\d)(?P<n>[1-5]?\d)分", lambda f: _minute(int(f["n"]))),
    (r"(?<![\d.])(?P<n>\+?0\d{1,4}-?\d{1,4}-?\d{3,4})(?!\d)", lambda f: _by_digit(re.sub(r"\D", "", f["n"]))),
    (rf"{_N}\s?[%％]", lambda f: f"{number(f['n'])}パーセント"),
    (rf"(?P<s>[¥￥$€£])\s?{_N}", lambda f: number(f["n"]) + _MONEY[f["s"]]),
    (rf"{_N}円", lambda f: f"{number(f['n'])}えん"),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z])", lambda f: number(f["n"]) + _UNITS[f["u"]]),
    (r"(?<![\d.,])(?P<n>\d+)人(?![^\W\d_]*種)", _people),
    (r"(?<![\d.,])(?P<n>\d+)冊", _books),
    (r"(?<![\d.,])(?P<n>[1-9])本(?!社|店|部)", lambda f: _LONG[int(f["n"])]),
    (r"(?<![\d.,])(?P<n>[1-9])つ", lambda f: f"{_THINGS[int(f['n'])]}つ"),
    (r"(?<=\d)\s?[-–~～]\s?(?=\d)", lambda f: "から"),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"マイナス{number(f['n'])}"),
    (_N, lambda f: number(f["n"])),
    (r"[&＆]", lambda f: "アンド"),
    (r"[+＋]", lambda f: "プラス"),
    (r"[=＝]", lambda f: "イコール"),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Japanese text in kana."""
    return write_all(text, STEPS)
