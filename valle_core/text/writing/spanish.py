"""Spanish, in Spain and America: the tags stay apart, numbers are written alike."""

from __future__ import annotations

import re

from valle_core.text.number_words import cardinal, ordinal
from valle_core.text.writing.rules import Writing

_MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)


def _agree(words: str, gender: str) -> str:
    if not words.endswith("uno"):
        return words
    if gender == "f":
        return f"{words[:-1]}a"
    return f"{words[:-3]}ún" if words.endswith("veintiuno") else words[:-1]


def _numbered(found: re.Match[str]) -> str:
    words, ending = ordinal(int(found["n"]), "es"), found["ending"]
    if ending == "ª":
        return re.sub(r"o\b", "a", words)
    return words[:-1] if ending == "er" and words.endswith(("primero", "tercero")) else words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "primero" if day == 1 else cardinal(day, "es")
    return f"{first} de {_MONTHS[month - 1]}" + (f" de {cardinal(year, 'es')}" if year else "")


def _time(hour: int, minute: int) -> str:
    said = _agree(cardinal(hour, "es"), "f")
    return f"{said} en punto" if minute == 0 else f"{said} y {cardinal(minute, 'es')}"


def _roman(number: int, reading: str) -> str:
    return ordinal(number, "es") if reading == "ordinal" and number <= 10 else cardinal(number, "es")


WRITING = Writing(
    code="es",
    decimal=",",
    grouping=". ",
    point="coma",
    fraction_digits=2,
    minus="menos",
    percent="por ciento",
    until="a",
    abbreviations={
        "Sr.": "señor",
        "Sra.": "señora",
        "Srta.": "señorita",
        "Dr.": "doctor",
        "Dra.": "doctora",
        "Dña.": "doña",
        "Prof.": "profesor",
        "Ud.": "usted",
        "Uds.": "ustedes",
        "EE. UU.": "Estados Unidos",
        "EE.UU.": "Estados Unidos",
        "etc.": "etcétera",
        "p. ej.": "por ejemplo",
        "a. C.": "antes de Cristo",
        "d. C.": "después de Cristo",
        "pág.": "página",
        "núm.": "número",
        "n.º#": "número",
        "avda.": "avenida",
        "Avda.": "avenida",
        "aprox.": "aproximadamente",
    },
    closing=frozenset({"etc.", "a. C.", "d. C.", "EE. UU.", "EE.UU.", "Ud.", "Uds."}),
    units={
        "km": ("kilómetro", "kilómetros", "m"),
        "cm": ("centímetro", "centímetros", "m"),
        "mm": ("milímetro", "milímetros", "m"),
        "m": ("metro", "metros", "m"),
        "kg": ("kilogramo", "kilogramos", "m"),
        "g": ("gramo", "gramos", "m"),
        "km/h": ("kilómetro por hora", "kilómetros por hora", "m"),
        "ml": ("mililitro", "mililitros", "m"),
        "l": ("litro", "litros", "m"),
        "°C": ("grado Celsius", "grados Celsius", "m"),
        "°": ("grado", "grados", "m"),
        "min": ("minuto", "minutos", "m"),
        "Hz": ("hercio", "hercios", "m"),
        "kHz": ("kilohercio", "kilohercios", "m"),
    },
    currencies={
        "€": (("euro", "euros", "m"), ("céntimo", "céntimos", "m")),
        "$": (("dólar", "dólares", "m"), ("centavo", "centavos", "m")),
        "£": (("libra", "libras", "f"), ("penique", "peniques", "m")),
    },
    joined="con",
    months=_MONTHS,
    symbols={"&": "y", "+": "más", "=": "igual a", "@": "arroba", "×": "por", "÷": "entre"},
    agree=_agree,
    date=_date,
    time=_time,
    special=((re.compile(r"\b(?P<n>\d+)\.?(?P<ending>er|º|ª)(?!\w)"), _numbered),),
    regnal={
        **dict.fromkeys(("Felipe", "Alfonso", "Carlos", "Fernando", "Isabel", "Juan Pablo"), "ordinal"),
        **dict.fromkeys(("siglo", "capítulo", "tomo"), "cardinal"),
    },
    roman=_roman,
)
