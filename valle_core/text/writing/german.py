"""German."""

from __future__ import annotations

import re

from valle_core.text.number_words import cardinal, ordinal, year_words
from valle_core.text.writing.rules import Writing

_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
_WEAK = re.compile(r"\b(am|dem|den|vom|zum|im|des|beim|ab|bis|seit)\s*$", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(der|die|das)\s*$", re.IGNORECASE)


def _ordinal(number: int, before: str) -> str:
    """With the ending the word before asks for: am dritten, der dritte, dritter."""
    stem = ordinal(number, "de")
    return f"{stem}n" if _WEAK.search(before) else stem if _ARTICLE.search(before) else f"{stem}r"


def _agree(words: str, gender: str) -> str:
    if words == "eins":
        return "eine" if gender == "f" else "ein"
    return words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    return f"{_ordinal(day, before)} {_MONTHS[month - 1]}" + (f" {year_words(year, 'de')}" if year else "")


def _time(hour: int, minute: int) -> str:
    return f"{_agree(cardinal(hour, 'de'), 'n')} Uhr" + (f" {cardinal(minute, 'de')}" if minute else "")


def _roman(number: int, reading: str) -> str:
    return f"der {ordinal(number, 'de').capitalize()}" if reading == "ordinal" else cardinal(number, "de")


def _marked(found: re.Match[str]) -> str:
    return f"{found['before']} {_ordinal(int(found['n']), found['before'])}"


WRITING = Writing(
    code="de",
    decimal=",",
    grouping=". ",
    point="Komma",
    fraction_digits=0,
    minus="minus",
    percent="Prozent",
    until="bis",
    abbreviations={
        "z. B.": "zum Beispiel",
        "z.B.": "zum Beispiel",
        "d. h.": "das heißt",
        "d.h.": "das heißt",
        "u. a.": "unter anderem",
        "u.a.": "unter anderem",
        "usw.": "und so weiter",
        "bzw.": "beziehungsweise",
        "ca.": "circa",
        "Dr.": "Doktor",
        "Prof.": "Professor",
        "Hr.": "Herr",
        "Fr.": "Frau",
        "Nr.": "Nummer",
        "Str.": "Straße",
        "St.": "Sankt",
        "vgl.": "vergleiche",
        "evtl.": "eventuell",
        "ggf.": "gegebenenfalls",
        "inkl.": "inklusive",
        "Mio.": "Millionen",
        "Mrd.": "Milliarden",
        "Jh.": "Jahrhundert",
        "v. Chr.": "vor Christus",
        "n. Chr.": "nach Christus",
    },
    closing=frozenset({"usw.", "v. Chr.", "n. Chr.", "Str.", "Jh.", "Mio.", "Mrd."}),
    units={
        "km": ("Kilometer", "Kilometer", "m"),
        "cm": ("Zentimeter", "Zentimeter", "m"),
        "mm": ("Millimeter", "Millimeter", "m"),
        "m": ("Meter", "Meter", "m"),
        "kg": ("Kilogramm", "Kilogramm", "n"),
        "g": ("Gramm", "Gramm", "n"),
        "km/h": ("Kilometer pro Stunde", "Kilometer pro Stunde", "m"),
        "ml": ("Milliliter", "Milliliter", "m"),
        "l": ("Liter", "Liter", "m"),
        "°C": ("Grad Celsius", "Grad Celsius", "m"),
        "°": ("Grad", "Grad", "m"),
        "Std.": ("Stunde", "Stunden", "f"),
        "Min.": ("Minute", "Minuten", "f"),
        "Hz": ("Hertz", "Hertz", "n"),
        "kHz": ("Kilohertz", "Kilohertz", "n"),
    },
    currencies={
        "€": (("Euro", "Euro", "m"), ("", "", "m")),
        "$": (("Dollar", "Dollar", "m"), ("", "", "m")),
        "£": (("Pfund", "Pfund", "n"), ("", "", "m")),
    },
    joined="",
    months=_MONTHS,
    symbols={"&": "und", "+": "plus", "=": "gleich", "@": "at", "×": "mal", "÷": "geteilt durch", "§": "Paragraf"},
    years=True,
    agree=_agree,
    date=_date,
    time=_time,
    special=(
        (re.compile(r"(?P<before>\b(?:[Aa]m|[Dd]em|[Dd]en|[Vv]om|[Zz]um|[Ii]m|[Dd]es|[Bb]eim|[Dd]er|[Dd]ie|[Dd]as)) "
                    r"(?P<n>\d{1,3})\.(?= [A-Za-zÄÖÜäöüß])"), _marked),
        (re.compile(rf"\b(?P<n>\d{{1,2}})\. (?=(?:{'|'.join(_MONTHS)})\b)"),
         lambda found: f"{_ordinal(int(found['n']), found.string[: found.start()])} "),
    ),
    regnal={
        **dict.fromkeys(("Ludwig", "Friedrich", "Wilhelm", "Heinrich", "Karl", "Otto", "Elisabeth"), "ordinal"),
        **dict.fromkeys(("Kapitel", "Band", "Teil", "Akt"), "cardinal"),
    },
    roman=_roman,
)  # fmt: skip
