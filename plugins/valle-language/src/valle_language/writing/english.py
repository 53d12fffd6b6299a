"""English, American and British: they differ in the order and reading of dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from valle_language.number_words import cardinal, ordinal, year_words
from valle_language.writing.rules import Writing, unchanged

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NAMED = "|".join(_MONTHS)


def _date(year: int | None, month: int, day: int, before: str) -> str:
    tail = f", {year_words(year, 'en')}" if year else ""
    return f"{_MONTHS[month - 1]} {ordinal(day, 'en')}{tail}"


def _british_date(year: int | None, month: int, day: int, before: str) -> str:
    tail = f" {year_words(year, 'en')}" if year else ""
    the = "" if before.rstrip().lower().endswith(" the") else "the "
    return f"{the}{ordinal(day, 'en')} of {_MONTHS[month - 1]}{tail}"


def _time(hour: int, minute: int) -> str:
    if minute == 0:
        return f"{cardinal(hour, 'en')} o'clock"
    return f"{cardinal(hour, 'en')} {'oh ' if minute < 10 else ''}{cardinal(minute, 'en')}"


def _roman(number: int, reading: str) -> str:
    return f"the {ordinal(number, 'en')}" if reading == "ordinal" else cardinal(number, "en")


def _decade(found: re.Match[str]) -> str:
    words = year_words(int(found["n"]), "en")
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _ordinal(group: str = "n") -> Callable[[re.Match[str]], str]:
    return lambda found: ordinal(int(found[group].replace(",", "")), "en")


AMERICAN = Writing(
    code="en",
    decimal=".",
    grouping=",",
    point="point",
    fraction_digits=0,
    minus="minus",
    percent="percent",
    until="to",
    abbreviations={
        "Dr.": "Doctor",
        "Mr.": "Mister",
        "Mrs.": "Missus",
        "Ms.": "Miz",
        "Prof.": "Professor",
        "Rev.": "Reverend",
        "Gen.": "General",
        "Capt.": "Captain",
        "Lt.": "Lieutenant",
        "Sgt.": "Sergeant",
        "Jr.": "Junior",
        "Sr.": "Senior",
        "St.": "Street",
        "Mt.": "Mount",
        "Ave.": "Avenue",
        "Co.": "Company",
        "Corp.": "Corporation",
        "Inc.": "Incorporated",
        "Ltd.": "Limited",
        "No.#": "number",
        "vs.": "versus",
        "etc.": "et cetera",
        "e.g.": "for example",
        "i.e.": "that is",
        "approx.": "approximately",
        "dept.": "department",
        "a.m.": "AM",
        "p.m.": "PM",
        "Jan.": "January",
        "Feb.": "February",
        "Aug.": "August",
        "Sept.": "September",
        "Oct.": "October",
        "Nov.": "November",
        "Dec.": "December",
    },
    closing=frozenset({"etc.", "a.m.", "p.m.", "Jr.", "Sr.", "Inc.", "Ltd.", "Co.", "Corp.", "Ave."}),
    units={
        "km": ("kilometre", "kilometres", "n"),
        "cm": ("centimetre", "centimetres", "n"),
        "mm": ("millimetre", "millimetres", "n"),
        "m": ("metre", "metres", "n"),
        "kg": ("kilogram", "kilograms", "n"),
        "mg": ("milligram", "milligrams", "n"),
        "g": ("gram", "grams", "n"),
        "km/h": ("kilometre per hour", "kilometres per hour", "n"),
        "mph": ("mile per hour", "miles per hour", "n"),
        "ft": ("foot", "feet", "n"),
        "lb": ("pound", "pounds", "n"),
        "lbs": ("pound", "pounds", "n"),
        "ml": ("millilitre", "millilitres", "n"),
        "°C": ("degree Celsius", "degrees Celsius", "n"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit", "n"),
        "°": ("degree", "degrees", "n"),
        "min": ("minute", "minutes", "n"),
        "sec": ("second", "seconds", "n"),
        "Hz": ("hertz", "hertz", "n"),
        "kHz": ("kilohertz", "kilohertz", "n"),
    },
    currencies={
        "$": (("dollar", "dollars", "n"), ("cent", "cents", "n")),
        "€": (("euro", "euros", "n"), ("cent", "cents", "n")),
        "£": (("pound", "pounds", "n"), ("penny", "pence", "n")),
        "¥": (("yen", "yen", "n"), ("sen", "sen", "n")),
    },
    joined="and",
    months=_MONTHS,
    symbols={"&": "and", "+": "plus", "=": "equals", "@": "at", "#": "number", "×": "times", "÷": "divided by"},
    years=True,
    agree=unchanged,
    date=_date,
    order="mdy",
    time=_time,
    special=(
        (re.compile(r"\b(?P<n>\d{1,3}0)['’]?s\b"), _decade),
        (re.compile(r"\bSt\.(?= [A-Z])"), lambda found: "Saint"),
        (re.compile(r"\b(?P<n>\d[\d,]*)(?:st|nd|rd|th)\b"), _ordinal()),
        (re.compile(rf"(?<=\b)(?P<m>{_NAMED}) (?P<n>\d{{1,2}})\b(?![.,:]?\d)(?!st|nd|rd|th)"),
         lambda found: f"{found['m']} {ordinal(int(found['n']), 'en')}"),
    ),
    regnal={
        **dict.fromkeys(("Elizabeth", "Henry", "Charles", "George", "Edward", "James", "William"), "ordinal"),
        **dict.fromkeys(("Louis", "Pope John Paul", "Benedict", "Philip", "Catherine", "Richard"), "ordinal"),
        **dict.fromkeys(("Chapter", "chapter", "Part", "Volume", "Act", "World War", "Article"), "cardinal"),
    },
    roman=_roman,
)  # fmt: skip

BRITISH = replace(AMERICAN, date=_british_date, order="dmy")
