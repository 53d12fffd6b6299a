"""English, American and British: they differ in the order and reading of dates."""

from __future__ import annotations

from dataclasses import replace

from valle_language.number_words import cardinal, ordinal, year_words
from valle_language.writing.english_forms import FORMS, MONTHS, clock, power_words
from valle_language.writing.english_names import NAMES, STARTERS
from valle_language.writing.english_tables import ABBREVIATIONS, CLOSING, CURRENCIES, SYMBOLS
from valle_language.writing.english_units import UNITS
from valle_language.writing.rules import Writing, unchanged


def _date(year: int | None, month: int, day: int, before: str) -> str:
    tail = f", {year_words(year, 'en')}" if year else ""
    return f"{MONTHS[month - 1]} {ordinal(day, 'en')}{tail}"


def _british_date(year: int | None, month: int, day: int, before: str) -> str:
    tail = f" {year_words(year, 'en')}" if year else ""
    the = "" if before.rstrip().lower().endswith(" the") else "the "
    return f"{the}{ordinal(day, 'en')} of {MONTHS[month - 1]}{tail}"


def _fraction(numerator: int, denominator: int) -> str | None:
    if not denominator:
        return None
    part = {1: "over one", 2: "half", 4: "quarter"}.get(denominator) or ordinal(denominator, "en")
    many = numerator != 1 and denominator != 1
    return f"{cardinal(numerator, 'en')} {('halves' if part == 'half' else f'{part}s') if many else part}"


AMERICAN = Writing(
    code="en",
    decimal=".",
    grouping=",",
    point="point",
    fraction_digits=0,
    minus="minus",
    percent="percent",
    until="to",
    abbreviations=ABBREVIATIONS,
    closing=CLOSING,
    units=UNITS,
    currencies=CURRENCIES,
    joined="and",
    months=MONTHS,
    symbols=SYMBOLS,
    years=True,
    agree=unchanged,
    date=_date,
    order="mdy",
    time=clock,
    fraction=_fraction,
    and_fraction="and",
    power=power_words,
    special=NAMES,
    starters=STARTERS,
    figures=FORMS,
)  # fmt: skip

BRITISH = replace(AMERICAN, date=_british_date, order="dmy")
