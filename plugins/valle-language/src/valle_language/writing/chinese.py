"""Chinese: numbers in characters, years and telephone numbers digit by digit."""

from __future__ import annotations

import re

from valle_language.number_words import MOST_DIGITS, chinese, chinese_digits
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.scan import VULGAR, Step, vulgar, write_all

_UNITS = {
    "km/h": "公里每小时", "m/s": "米每秒", "km²": "平方公里", "km": "公里", "cm²": "平方厘米", "cm³": "立方厘米",
    "cm": "厘米", "mm": "毫米",
    "kg": "公斤",
    "mg": "毫克", "m²": "平方米", "m³": "立方米", "m": "米", "g": "克", "t": "吨", "ml": "毫升", "mL": "毫升",
    "L": "升", "l": "升",
    "ha": "公顷",
    "°C": "摄氏度", "℃": "摄氏度", "°F": "华氏度", "°": "度", "Hz": "赫兹", "kHz": "千赫", "MHz": "兆赫",
    "GHz": "吉赫", "W": "瓦",
    "kW": "千瓦",
    "kWh": "千瓦时", "V": "伏", "KB": "千字节", "kB": "千字节", "MB": "兆字节", "GB": "吉字节", "TB": "太字节",
    "dB": "分贝", "hPa": "百帕",
    "kcal": "千卡", "h": "小时", "min": "分钟", "s": "秒", "ms": "毫秒",
}  # fmt: skip
_MONEY = {
    "¥": "元",
    "￥": "元",
    "US$": "美元",
    "HK$": "港元",
    "$": "美元",
    "€": "欧元",
    "£": "英镑",
    "₩": "韩元",
    "¢": "美分",
}
_SIGNS = {
    "&": "和", "+": "加", "=": "等于", "@": "艾特", "×": "乘以", "÷": "除以", "§": "节", "#": "井号",
    "%": "百分号", "‰": "千分号",
    "℃": "摄氏度",
    "°": "度", "<": "小于", ">": "大于", "≤": "小于等于", "≥": "大于等于", "≠": "不等于", "≈": "约等于",
    "±": "正负", "^": "脱字符",
    "²": "的平方",
    "³": "的立方", "√": "根号", "№": "编号", "~": "波浪号", "/": "斜杠", "\\": "反斜杠", "*": "星号",
    "_": "下划线", "©": "版权所有",
    "®": "注册商标", "™": "商标", "−": "减", "∞": "无穷大", "→": "箭头", **_MONEY,
}  # fmt: skip
_COUNTED = "个位名岁天次本张只条件杯家种辆块层点份篇首座把双台棵匹头瓶盒包碗米斤倍"
_LONG_COUNTED = "小时|公里|公斤|厘米|毫米|千克|平方米|分钟|星期|年前|年后|年间|年多"
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_COIN = "|".join(map(re.escape, sorted(_MONEY, key=len, reverse=True)))


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
    hour, minute, second = int(found["h"]), int(found["m"]), found["s"]
    tail = f"{'零' if 0 < minute < 10 else ''}{chinese(minute)}分" if minute or second else ""
    return f"{'两' if hour == 2 else chinese(hour)}点{tail}" + (f"{chinese(int(second))}秒" if second else "")


def _fraction(found: re.Match[str]) -> str:
    whole = f"{chinese(int(found['w']))}又" if found["w"] else ""
    return f"{whole}{chinese(int(found['b']))}分之{chinese(int(found['a']))}"


def _degrees(found: re.Match[str]) -> str:
    return f"零下{number(found['n'])}{_UNITS[found['u']]}"


_N = r"(?P<n>\d+(?:,\d{3})*(?:\.\d+)?)"
_BIG = "(?P<big>[十百千万亿兆]*)"
STEPS: tuple[Step, ...] = (
    (VULGAR, vulgar),
    (r"(?P<y>\d{4})[-/.](?P<mo>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)",
     lambda f: f"{chinese_digits(f['y'])}年{chinese(int(f['mo']))}月{chinese(int(f['d']))}日"),
    (r"(?<!\d)(?P<a>(?:1\d|20)\d\d)\s?[-–~～—]{1,2}\s?(?P<b>(?:1\d|20)\d\d)(?=年)",
     lambda f: f"{chinese_digits(f['a'])}到{chinese_digits(f['b'])}"),
    (r"(?<![\d.])(?P<y>\d{4})(?=年(?!前|后|的历史))", lambda f: chinese_digits(f["y"])),
    (rf"(?P<n>{ROMAN})(?=[世章卷部幕])", lambda f: chinese(roman_value(f["n"]))),
    (r"(?<![\d:：])(?P<h>[01]?\d|2[0-3])[:：](?P<m>[0-5]\d)(?:[:：](?P<s>[0-5]\d))?(?![\d:：])", _time),
    (r"(?<![\d:：.])(?P<a>\d{1,3})[:：](?P<b>\d{1,3})(?![\d:：]|\.\d)",
     lambda f: f"{chinese(int(f['a']))}比{chinese(int(f['b']))}"),
    (r"(?<![\d/.])(?:(?P<w>\d+) )?(?P<a>\d{1,2})[/⁄](?P<b>\d{1,2})(?![\d/])", _fraction),
    (r"(?<![\d.])(?P<n>1\d{10}|0\d{2,3}-?\d{7,8}|400-\d{3,4}-\d{3,4}|\+\d[\d-]{6,})(?!\d)",
     lambda f: ("加" if f["n"][0] == "+" else "") + chinese_digits(re.sub(r"\D", "", f["n"]))),
    (r"(?<=[\d元点分度%％])\s?[-–~～]\s?(?=\d)", lambda f: "到"),
    (r"(?<![\d%％] )(?<![\d%％年月日時点])[~～≈] ?(?=\d)", lambda f: "大约"),
    (r"(?<=[\u4e00-\u9fff])[~～]+(?=[\s。，！!？?…」）)]|$)", lambda f: ""),
    (rf"{_N}\s?[%％]", lambda f: f"百分之{number(f['n'])}"),
    (rf"{_N}\s?‰", lambda f: f"千分之{number(f['n'])}"),
    (rf"(?P<s>{_COIN})\s?{_N}{_BIG}", lambda f: number(f["n"]) + f["big"] + _MONEY[f["s"]]),
    (rf"(?<![\w)])[-−]{_N}\s?(?P<u>°C|℃|度)",
     lambda f: _degrees(f) if f["u"] in _UNITS else f"零下{number(f['n'])}度"),
    (rf"(?<![\w)])[-−]{_N}", lambda f: f"负{f['n']}"),
    (rf"{_N}\s?(?P<u>{_UNIT})(?![A-Za-z/])", lambda f: _counted(f) + _UNITS[f["u"]]),
    (r"(?P<n>(?:公里|公斤|平方米|升|元|吨))/(?P<by>公里|公斤|平方米|升|吨|月|年|天|人|小时)",
     lambda f: f"{f['n']}每{f['by']}"),
    (r"第(?P<n>\d+)", lambda f: f"第{number(f['n'])}"),
    (rf"(?<![\d.])2(?=[{_COUNTED}]|{_LONG_COUNTED}|[万亿千])(?!年级)", lambda f: "两"),
    (r"(?<![\d.,])2(?=个?月(?:前|后|内|以)|个月)", lambda f: "两"),
    (r"[#№] ?(?=\d)|\bNo\. ?(?=\d)", lambda f: "编号"),
    (r"#(?=[^\W\d])", lambda f: "话题"),
    (r"(?P<a>\d+)\^(?P<n>\d+)", lambda f: f"{number(f['a'])}的{number(f['n'])}次方"),
    (_N, lambda f: number(f["n"])),
    ("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))), lambda f: _SIGNS[f.group()]),
)  # fmt: skip


def write_out(text: str) -> str:
    """All numbers and symbols of a Chinese text in characters."""
    return write_all(text, STEPS)
