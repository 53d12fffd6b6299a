"""Italian."""

from __future__ import annotations

import re

from valle_core.text.number_words import cardinal, ordinal
from valle_core.text.writing.rules import Writing

_MONTHS = (
    *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
    *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
)


def _agree(words: str, gender: str) -> str:
    if words == "uno":
        return "una" if gender == "f" else "un"
    return words


def _numbered(found: re.Match[str]) -> str:
    words = ordinal(int(found["n"]), "it")
    return f"{words[:-1]}a" if found["ending"] == "ª" else words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "primo" if day == 1 else cardinal(day, "it")
    return f"{first} {_MONTHS[month - 1]}" + (f" {cardinal(year, 'it')}" if year else "")


def _time(hour: int, minute: int) -> str:
    said = "una" if hour == 1 else cardinal(hour, "it")
    return f"{said} in punto" if minute == 0 else f"{said} e {cardinal(minute, 'it')}"


def _roman(number: int, reading: str) -> str:
    return ordinal(number, "it") if reading == "ordinal" else cardinal(number, "it")


WRITING = Writing(
    code="it",
    decimal=",",
    grouping=". ",
    point="virgola",
    fraction_digits=2,
    minus="meno",
    percent="per cento",
    until="a",
    abbreviations={
        "Sig.": "signor",
        "sig.": "signor",
        "Sig.ra": "signora",
        "sig.ra": "signora",
        "Dott.": "dottor",
        "dott.": "dottor",
        "Dott.ssa": "dottoressa",
        "Prof.": "professor",
        "prof.": "professor",
        "Ing.": "ingegner",
        "Avv.": "avvocato",
        "ecc.": "eccetera",
        "p. es.": "per esempio",
        "ad es.": "ad esempio",
        "a.C.": "avanti Cristo",
        "d.C.": "dopo Cristo",
        "pag.": "pagina",
        "n.#": "numero",
        "tel.": "telefono",
    },
    closing=frozenset({"ecc.", "a.C.", "d.C."}),
    units={
        "km": ("chilometro", "chilometri", "m"),
        "cm": ("centimetro", "centimetri", "m"),
        "mm": ("millimetro", "millimetri", "m"),
        "m": ("metro", "metri", "m"),
        "kg": ("chilogrammo", "chilogrammi", "m"),
        "g": ("grammo", "grammi", "m"),
        "km/h": ("chilometro all'ora", "chilometri all'ora", "m"),
        "ml": ("millilitro", "millilitri", "m"),
        "l": ("litro", "litri", "m"),
        "°C": ("grado Celsius", "gradi Celsius", "m"),
        "°": ("grado", "gradi", "m"),
        "min": ("minuto", "minuti", "m"),
        "Hz": ("hertz", "hertz", "m"),
        "kHz": ("chilohertz", "chilohertz", "m"),
    },
    currencies={
        "€": (("euro", "euro", "m"), ("centesimo", "centesimi", "m")),
        "$": (("dollaro", "dollari", "m"), ("centesimo", "centesimi", "m")),
        "£": (("sterlina", "sterline", "f"), ("penny", "penny", "m")),
    },
    joined="e",
    months=_MONTHS,
    symbols={"&": "e", "+": "più", "=": "uguale a", "@": "chiocciola", "×": "per", "÷": "diviso"},
    agree=_agree,
    date=_date,
    time=_time,
    special=((re.compile(r"\b(?P<n>\d+)(?P<ending>º|ª|°(?![ CF]))(?!\w)"), _numbered),),
    regnal={
        **dict.fromkeys(("Vittorio Emanuele", "Luigi", "Carlo", "Enrico", "Giovanni Paolo", "secolo"), "ordinal"),
        **dict.fromkeys(("capitolo", "volume"), "cardinal"),
    },
    roman=_roman,
)
