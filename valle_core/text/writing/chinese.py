"""Chinese: numbers in characters, years and telephone numbers digit by digit."""

from __future__ import annotations

import re

from valle_core.text.number_words import MOST_DIGITS, chinese, chinese_digits
from valle_core.text.writing.scan import Step, write_all

_UNITS = {
    "km/h": "公里每小时",
    "km": "公里",
    "cm": "厘米",
    "mm": "毫米",
    "kg": "公斤",
    "mg": "毫克",
    "m": "米",
    "g": "克",
    "ml": "毫升",
    "°C": "摄氏度",
    "℃": "摄氏度",
}
_MONEY = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_COUNTED = "个位名岁天年次本张只条件杯家种辆块层点分秒"
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))


def number(text: str) -> str:
    """`1,234.5` → `一千二百三十四点五`."""
    whole, _, fraction = text.replace(",", "").replace("，", "").partition(".")
    said = (
        chinese_digits(whole) if len(whole) > MOST_DIGITS or (whole[0] == "0" and whole != "0") else chinese(int(whole))
    )
    return said + (f"点{chinese_digits(fraction)}" if fraction else "")


def _counted(found: re.Match[str]) -> str:
    return "两" if found["n"] == "2" else number(found["n"])


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["h"]), int(found["m"])
    tail = f"{'零' if 0 < minute < 10 else ''}{chinese(minute)}分" if minute else ""
    return f"{'两' if hour == 2 else chinese(hour)}点{tail}"


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
STEPS: tuple[Step, ...] = (
    (r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)",
     lambda f: f"{chinese_digits(f['y'])}年{chinese(int(f['mo']))}月{chinese(int(f['d']))}日"),
    (r"(?<!\d)(?P<y>\d{4})(?=年)", lambda f: chinese_digits(f["y"])),
    (r"(?<!\d)(?P<h>[01]?\d|2[0-3])[:：](?P<m>[0-5]\d)(?!\d)", _time),
    (r"(?<![\d.])(?P<n>1\d{10}|0\d{2,3}-?\d{7,8}|\+\d[\d-]{6,})(?!\d)",
     lambda f: ("加" if f["n"][0] == "+" else "") + chinese_digits(re.sub(r"\D", "", f["n"]))),
    (rf"{_N}\s?[%％]", lambda f: f"百分之{number(f['n'])}"),
    (rf"(?P<s>[¥￥$€£])\s?{_N}", lambda f: number(f["n"]) + _MONEY[f["s"]]),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z])", lambda f: _counted(f) + _UNITS[f["u"]]),
    (r"第(?P<n>\d+)", lambda f: f"第{number(f['n'])}"),
    (rf"(?<![\d.])(?P<n>2)(?=[{_COUNTED}])(?!年|月|分)", _counted),
    (r"(?<=\d)\s?[-–~～]\s?(?=\d)", lambda f: "到"),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"负{number(f['n'])}"),
    (_N, lambda f: number(f["n"])),
    (r"[&＆]", lambda f: "和"),
    (r"[+＋]", lambda f: "加"),
    (r"[=＝]", lambda f: "等于"),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Chinese text in characters."""
    return write_all(text, STEPS)
