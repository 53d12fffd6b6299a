"""French."""

from __future__ import annotations

import re

from valle_core.text.number_words import cardinal, ordinal
from valle_core.text.roman import ROMAN, roman_value
from valle_core.text.writing.rules import Writing

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def _agree(words: str, gender: str) -> str:
    return f"{words[:-2]}une" if gender == "f" and re.search(r"\bun$", words) else words


def _date(year: int | None, month: int, day: int, before: str) -> str:
    first = "premier" if day == 1 else cardinal(day, "fr")
    return f"{first} {_MONTHS[month - 1]}" + (f" {cardinal(year, 'fr')}" if year else "")


def _time(hour: int, minute: int) -> str:
    noun = "heure" if hour < 2 else "heures"
    return f"{_agree(cardinal(hour, 'fr'), 'f')} {noun}" + (f" {_agree(cardinal(minute, 'fr'), 'f')}" if minute else "")


def _roman(number: int, reading: str) -> str:
    return "premier" if number == 1 and reading == "ordinal" else cardinal(number, "fr")


def _numbered(found: re.Match[str]) -> str:
    ending = found["ending"]
    if int(found["n"]) == 1:
        return "première" if ending in ("re", "ère") else "premier"
    return ordinal(int(found["n"]), "fr")


WRITING = Writing(
    code="fr",
    decimal=",",
    grouping=" .",
    point="virgule",
    fraction_digits=2,
    minus="moins",
    percent="pour cent",
    until="à",
    abbreviations={
        "M.": "Monsieur",
        "MM.": "Messieurs",
        "Mme": "Madame",
        "Mmes": "Mesdames",
        "Mlle": "Mademoiselle",
        "Dr": "Docteur",
        "Pr": "Professeur",
        "St": "Saint",
        "Ste": "Sainte",
        "etc.": "et cetera",
        "p. ex.": "par exemple",
        "c.-à-d.": "c'est-à-dire",
        "av. J.-C.": "avant Jésus-Christ",
        "apr. J.-C.": "après Jésus-Christ",
        "env.": "environ",
        "bd": "boulevard",
        "av.": "avenue",
        "n°#": "numéro",
        "N°#": "numéro",
        "cf.": "confer",
    },
    closing=frozenset({"etc.", "av. J.-C.", "apr. J.-C."}),
    units={
        "km": ("kilomètre", "kilomètres", "m"),
        "cm": ("centimètre", "centimètres", "m"),
        "mm": ("millimètre", "millimètres", "m"),
        "m": ("mètre", "mètres", "m"),
        "kg": ("kilogramme", "kilogrammes", "m"),
        "g": ("gramme", "grammes", "m"),
        "km/h": ("kilomètre par heure", "kilomètres par heure", "m"),
        "ml": ("millilitre", "millilitres", "m"),
        "l": ("litre", "litres", "m"),
        "°C": ("degré Celsius", "degrés Celsius", "m"),
        "°": ("degré", "degrés", "m"),
        "min": ("minute", "minutes", "f"),
        "Hz": ("hertz", "hertz", "m"),
        "kHz": ("kilohertz", "kilohertz", "m"),
    },
    currencies={
        "€": (("euro", "euros", "m"), ("", "", "m")),
        "$": (("dollar", "dollars", "m"), ("", "", "m")),
        "£": (("livre", "livres", "f"), ("", "", "f")),
    },
    joined="",
    months=_MONTHS,
    symbols={"&": "et", "+": "plus", "=": "égale", "@": "arobase", "×": "fois", "÷": "divisé par", "§": "paragraphe"},
    agree=_agree,
    date=_date,
    time=_time,
    special=(
        (re.compile(r"\b(?P<n>\d+)(?P<ending>ère|re|er|ème|ième|nde|nd|e)\b"), _numbered),
        (re.compile(rf"\b(?P<n>{ROMAN})(?P<ending>e|ème|er|re) (?=siècle|siècles|arrondissement|République)"),
         lambda found: ("premier" if roman_value(found["n"]) == 1 else ordinal(roman_value(found["n"]), "fr")) + " "),
    ),
    regnal={
        **dict.fromkeys(("Louis", "Henri", "Charles", "François", "Napoléon", "Philippe", "Élisabeth"), "ordinal"),
        **dict.fromkeys(("chapitre", "Chapitre", "tome", "acte"), "cardinal"),
    },
    roman=_roman,
)  # fmt: skip
