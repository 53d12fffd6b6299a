"""Korean: Chinese numbers, but native ones before the words that count things, people and hours."""

from __future__ import annotations

import re

from valle_language.number_words import MOST_DIGITS, cardinal
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.scan import VULGAR, Step, vulgar, write_all

_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_DIGITS = ("공", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구")
_COUNTED = (
    "시간|번째|마리|사람|그루|송이|켤레|가지|군데|봉지|자루|다발|상자|그릇|조각|바퀴|"
    "개|명|살|잔|권|대|장|병|벌|척|채|곡|쌍|줄|달|통|판|컵|곳"
)
_NUMBERED = "출구|버스|문제|선수|국도|홈|트랙|타자|채널|교향곡|방|게이트|노선|항목|후보"
"""Behind 번 these are known by a number, not counted: 3번 출구 is 삼 번 출구."""

_UNITS = {
    "km/h": "킬로미터 매 시", "m/s": "미터 매 초", "km²": "제곱킬로미터", "km": "킬로미터", "cm²": "제곱센티미터",
    "cm": "센티미터",
    "mm": "밀리미터", "kg": "킬로그램", "mg": "밀리그램", "m²": "제곱미터", "m³": "세제곱미터", "m": "미터",
    "g": "그램", "t": "톤",
    "ml": "밀리리터", "mL": "밀리리터", "L": "리터", "l": "리터", "ha": "헥타르", "°C": "도", "℃": "도",
    "°F": "화씨 도", "°": "도",
    "Hz": "헤르츠", "kHz": "킬로헤르츠", "MHz": "메가헤르츠", "GHz": "기가헤르츠", "W": "와트", "kW": "킬로와트",
    "kWh": "킬로와트시",
    "V": "볼트", "KB": "킬로바이트", "kB": "킬로바이트", "MB": "메가바이트", "GB": "기가바이트",
    "TB": "테라바이트", "dB": "데시벨",
    "hPa": "헥토파스칼", "kcal": "킬로칼로리", "h": "시간", "min": "분", "s": "초", "ms": "밀리초",
}  # fmt: skip
_MONEY = {"₩": "원", "￦": "원", "US$": "달러", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔", "¢": "센트"}
_SIGNS = {
    "&": "앤드", "+": "더하기", "=": "는", "@": "골뱅이", "×": "곱하기", "÷": "나누기", "§": "섹션", "#": "샵",
    "%": "퍼센트", "‰": "퍼밀",
    "℃": "도", "°": "도", "<": "왼쪽 꺾쇠", ">": "오른쪽 꺾쇠", "≤": "작거나 같다", "≥": "크거나 같다",
    "≠": "같지 않다", "≈": "약",
    "±": "플러스마이너스", "^": "캐럿", "²": "제곱", "³": "세제곱", "√": "루트", "№": "번호", "~": "물결표",
    "/": "슬래시", "\\": "역슬래시",
    "*": "별표", "_": "밑줄", "©": "저작권", "®": "등록상표", "™": "상표", "−": "빼기", "∞": "무한대",
    "→": "화살표", **_MONEY,
}  # fmt: skip
_STANDING = {1: "하나", 2: "둘", 3: "셋", 4: "넷", 20: "스물"}
"""As native numbers are said where no noun follows at once."""

_MONTHS = {6: "유", 10: "시"}
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_COIN = "|".join(map(re.escape, sorted(_MONEY, key=len, reverse=True)))


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
    count, what = int(found["n"]), found["what"]
    if what == "대" and count % 10 == 0:  # 30대 is an age
        return f"{number(found['n'])}대"
    return f"{'첫' if what == '번째' and count == 1 else native(count)} {what}"


def _time(found: re.Match[str]) -> str:
    hour, minute, second = int(found["h"]), int(found["m"]), found["s"]
    said = native(hour) if 1 <= hour <= 12 else number(str(hour))
    tail = f" {number(str(int(second)))} 초" if second else ""
    return f"{said} 시" + (f" {number(str(minute))} 분" if minute else "") + tail


def _fraction(found: re.Match[str]) -> str:
    whole = f"{number(found['w'])}와 " if found["w"] else ""
    return f"{whole}{number(found['b'])}분의 {number(found['a'])}"


def _compared(found: re.Match[str]) -> str:
    """`3 < 4` → `삼은 사보다 작다`."""
    first = number(found["a"])
    return f"{_topic(first)} {number(found['n'])}보다 {'작다' if found['s'] == '<' else '크다'}"


def _topic(word: str) -> str:
    """With 은 behind a consonant, 는 behind a vowel."""
    return word + ("은" if (ord(word[-1]) - 0xAC00) % 28 else "는")


def _month(number_: int) -> str:
    return f"{_MONTHS.get(number_, number(str(number_)))}월"


def _date(found: re.Match[str]) -> str:
    return f"{number(found['y'])}년 {_month(int(found['mo']))} {number(str(int(found['d'])))}일"


def _sign(found: re.Match[str]) -> str:
    before = " " if found.start() else ""
    after = found.string[found.end() : found.end() + 1]
    return before + _SIGNS[found["sign"]] + ("" if after in _SIGNS or after in ".,!?" else " ")


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
STEPS: tuple[Step, ...] = (
    (VULGAR, vulgar),
    (r"(?P<y>\d{4})[-/.] ?(?P<mo>\d{1,2})[-/.] ?(?P<d>\d{1,2})(?!\d)\.?", _date),
    (rf"(?<![\d.,])(?P<a>[1-9]\d?)\s?[-–~～]\s?(?P<n>[1-9]\d?) ?(?P<what>{_COUNTED})",
     lambda f: f"{_STANDING.get(int(f['a']), native(int(f['a'])))}에서 {native(int(f['n']))} {f['what']}"),
    (r"(?<=[\d월일년원시분%])\s?[–~～]\s?(?=\d)", lambda f: "에서 "),
    (r"(?<![\d%] )(?<![\d%년월일시분])[~～≈] ?(?=\d)", lambda f: "약 "),
    (rf"(?P<n>{ROMAN})(?=세|장|권)", lambda f: str(roman_value(f["n"]))),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])월", lambda f: _month(int(f["n"]))),
    (r"(?<![\d:])(?P<h>[01]?\d|2[0-3]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d))?(?![\d:])", _time),
    (r"(?<![\d:])(?P<a>\d{1,3}) ?: ?(?P<b>\d{1,3})(?![\d:])", lambda f: f"{number(f['a'])} 대 {number(f['b'])}"),
    (r"(?<![\d/.])(?:(?P<w>\d+) )?(?P<a>\d{1,2})[/⁄](?P<b>\d{1,2})(?![\d/])", _fraction),
    (r"(?<!\d)(?P<n>1[0-2]|[1-9])시(?!간|월)", lambda f: f"{native(int(f['n']))} 시"),
    (rf"(?<![\d.,제])(?P<n>[1-9]\d?) ?(?P<what>{_COUNTED})(?!통령|학|표|비|문|음)", _counted),
    (rf"(?<![\d.,])(?P<n>[1-9]\d?) ?번(?!째|호|지)(?! ?(?:{_NUMBERED}))", lambda f: f"{native(int(f['n']))} 번"),
    (r"(?<![\d.])(?P<n>\+?0\d{1,2}-?\d{3,4}-?\d{4}|\+\d[\d-]{7,}|1[5-8]\d\d-\d{4})(?!\d)",
     lambda f: ("플러스 " if f["n"][0] == "+" else "") + _by_digit(re.sub(r"\D", "", f["n"]))),
    (r"(?<=\d)\s?[-–~～]\s?(?=\d)", lambda f: "에서 "),
    (r"(?<=[가-힣])[~～]+(?=[\s.,!?…)]|$)", lambda f: ""),
    (rf"{_N}\s?[%％]", lambda f: f"{number(f['n'])} 퍼센트"),
    (rf"{_N}\s?‰", lambda f: f"{number(f['n'])} 퍼밀"),
    (rf"(?P<s>{_COIN})\s?{_N}(?P<big>(?: ?[십백천만억조])*)", lambda f: f"{number(f['n'])}{f['big']} {_MONEY[f['s']]}"),
    (rf"(?<![\w)])[-−]{_N}\s?(?P<u>°C|℃|도)", lambda f: f"영하 {number(f['n'])} 도"),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"마이너스 {f['n']}"),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z/])", lambda f: f"{number(f['n'])} {_UNITS[f['u']]}"),
    (rf"(?<![\d.])(?P<a>\d+(?:\.\d+)?) ?(?P<s>[<>]) ?{_N}", _compared),
    (r"(?P<a>\d+) ?= ?(?=\d)", lambda f: f"{_topic(number(f['a']))} "),
    (r"[#№] ?(?=\d)|\bNo\. ?(?=\d)", lambda f: "번호 "),
    (r"#(?=[^\W\d])", lambda f: "해시태그 "),
    (r"(?P<a>\d+)\^(?P<n>\d+)", lambda f: f"{number(f['a'])}의 {number(f['n'])}제곱"),
    (_N, lambda f: number(f["n"])),
    (f" ?(?P<sign>{'|'.join(map(re.escape, sorted(_SIGNS, key=len, reverse=True)))})(?P<gap> ?)", _sign),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Korean text in hangul."""
    return write_all(text, STEPS)
