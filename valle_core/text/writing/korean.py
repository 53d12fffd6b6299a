"""Korean: Chinese numbers, but native ones before the words that count things, people and hours."""

from __future__ import annotations

import re

from valle_core.text.number_words import MOST_DIGITS, cardinal
from valle_core.text.writing.scan import Step, write_all

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_DIGITS = ("공", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구")
_COUNTED = "시간|번째|마리|사람|그루|송이|개|명|살|잔|권|대|장|병|벌|켤레"
_UNITS = {
    "km/h": "킬로미터 매 시",
    "km": "킬로미터",
    "cm": "센티미터",
    "mm": "밀리미터",
    "kg": "킬로그램",
    "mg": "밀리그램",
    "m": "미터",
    "g": "그램",
    "ml": "밀리리터",
    "°C": "도",
    "℃": "도",
}
_MONEY = {"₩": "원", "￦": "원", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔"}
_MONTHS = {6: "유", 10: "시"}
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))


def number(text: str) -> str:
    """`1,234.5` → `천이백삼십사 점 오`."""
    whole, _, fraction = text.replace(",", "").partition(".")
    digit_by_digit = len(whole) > MOST_DIGITS or (whole[0] == "0" and whole != "0")
    said = _by_digit(whole) if digit_by_digit else cardinal(int(whole), "ko")
    return said + (
        f" 점 {' '.join('영' if digit == '0' else _DIGITS[int(digit)] for digit in fraction)}" if fraction else ""
    )


def _by_digit(digits: str) -> str:
    return " ".join(_DIGITS[int(digit)] for digit in digits)


def native(number: int) -> str:
    """`21` → `스물한`, `20` → `스무`: 1 to 99 before a noun."""
    return "스무" if number == 20 else _TENS[number // 10] + _ONES[number % 10]


def _counted(found: re.Match[str]) -> str:
    count = int(found["n"])
    said = "첫" if found["what"] == "번째" and count == 1 else native(count)
    return f"{said} {found['what']}"


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["h"]), int(found["m"])
    said = native(hour) if 1 <= hour <= 12 else number(str(hour))
    return f"{said} 시" + (f" {number(str(minute))} 분" if minute else "")


def _month(number_: int) -> str:
    return f"{_MONTHS.get(number_, number(str(number_)))}월"


def _date(found: re.Match[str]) -> str:
    return f"{number(found['y'])}년 {_month(int(found['mo']))} {number(str(int(found['d'])))}일"


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
STEPS: tuple[Step, ...] = (
    (r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)", _date),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])월", lambda f: _month(int(f["n"]))),
    (r"(?<!\d)(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?!\d)", _time),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])시(?!간|월)", lambda f: f"{native(int(f['n']))} 시"),
    (rf"(?<![\d.,])(?P<n>[1-9]\d?) ?(?P<what>{_COUNTED})", _counted),
    (r"(?<![\d.])(?P<n>\+?0\d{1,2}-?\d{3,4}-?\d{4})(?!\d)", lambda f: _by_digit(re.sub(r"\D", "", f["n"]))),
    (rf"{_N}\s?[%％]", lambda f: f"{number(f['n'])} 퍼센트"),
    (rf"(?P<s>[₩￦$€£¥])\s?{_N}", lambda f: f"{number(f['n'])} {_MONEY[f['s']]}"),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z])", lambda f: f"{number(f['n'])} {_UNITS[f['u']]}"),
    (r"(?<=\d)\s?[-–~～]\s?(?=\d)", lambda f: "에서 "),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"마이너스 {number(f['n'])}"),
    (_N, lambda f: number(f["n"])),
    (r" ?& ?", lambda f: " 앤드 "),
    (r" ?\+ ?", lambda f: " 더하기 "),
    (r" ?= ?", lambda f: " 는 "),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Korean text in hangul."""
    return write_all(text, STEPS)
