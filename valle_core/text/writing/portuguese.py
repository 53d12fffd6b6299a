"""Portuguese, in Portugal and Brazil: num2words spells some numbers apart, and so do the tags."""

from __future__ import annotations

import re
from collections.abc import Callable

from valle_core.text.number_words import cardinal, ordinal
from valle_core.text.writing.rules import Writing

_MONTHS = (
    *("janeiro", "fevereiro", "março", "abril", "maio", "junho"),
    *("julho", "agosto", "setembro", "outubro", "novembro", "dezembro"),
)


def _agree(words: str, gender: str) -> str:
    if gender == "f":
        return re.sub(r"\bdois$", "duas", re.sub(r"\bum$", "uma", words))
    return words


def _numbered(found: re.Match[str]) -> str:
    words = ordinal(int(found["n"]), "pt")
    return re.sub(r"o\b", "a", words) if found["ending"] == "ª" else words


def _roman(number: int, reading: str) -> str:
    return ordinal(number, "pt") if reading == "ordinal" and number <= 10 else cardinal(number, "pt")


def _date(code: str) -> Callable[[int | None, int, int, str], str]:
    def date(year: int | None, month: int, day: int, before: str) -> str:
        first = "primeiro" if day == 1 else cardinal(day, code)
        return f"{first} de {_MONTHS[month - 1]}" + (f" de {cardinal(year, code)}" if year else "")

    return date


def _time(hour: int, minute: int) -> str:
    said = _agree(cardinal(hour, "pt"), "f")
    if minute == 0:
        return f"{said} {'hora' if hour < 2 else 'horas'}"
    return f"{said} e {cardinal(minute, 'pt')}"


def _writing(code: str) -> Writing:
    return Writing(
        code=code,
        decimal=",",
        grouping=". ",
        point="vírgula",
        fraction_digits=2,
        minus="menos",
        percent="por cento",
        until="a",
        abbreviations={
            "Sr.": "senhor",
            "Sra.": "senhora",
            "Dr.": "doutor",
            "Dra.": "doutora",
            "Prof.": "professor",
            "Profa.": "professora",
            "Eng.": "engenheiro",
            "V. Ex.ª": "Vossa Excelência",
            "etc.": "et cetera",
            "p. ex.": "por exemplo",
            "a.C.": "antes de Cristo",
            "d.C.": "depois de Cristo",
            "pág.": "página",
            "n.º#": "número",
            "nº#": "número",
            "av.": "avenida",
            "Av.": "avenida",
            "aprox.": "aproximadamente",
        },
        closing=frozenset({"etc.", "a.C.", "d.C."}),
        units={
            "km": ("quilómetro", "quilómetros", "m") if code == "pt" else ("quilômetro", "quilômetros", "m"),
            "cm": ("centímetro", "centímetros", "m"),
            "mm": ("milímetro", "milímetros", "m"),
            "m": ("metro", "metros", "m"),
            "kg": ("quilograma", "quilogramas", "m"),
            "g": ("grama", "gramas", "m"),
            "km/h": ("quilómetro por hora", "quilómetros por hora", "m")
            if code == "pt"
            else ("quilômetro por hora", "quilômetros por hora", "m"),
            "ml": ("mililitro", "mililitros", "m"),
            "l": ("litro", "litros", "m"),
            "°C": ("grau Celsius", "graus Celsius", "m"),
            "°": ("grau", "graus", "m"),
            "min": ("minuto", "minutos", "m"),
            "Hz": ("hertz", "hertz", "m"),
        },
        currencies={
            "€": (("euro", "euros", "m"), ("cêntimo", "cêntimos", "m")),
            "R$": (("real", "reais", "m"), ("centavo", "centavos", "m")),
            "$": (("dólar", "dólares", "m"), ("cêntimo", "cêntimos", "m")),
            "£": (("libra", "libras", "f"), ("péni", "pence", "m")),
        },
        joined="e",
        months=_MONTHS,
        symbols={"&": "e", "+": "mais", "=": "igual a", "@": "arroba", "×": "vezes", "÷": "dividido por"},
        agree=_agree,
        date=_date(code),
        time=_time,
        special=((re.compile(r"\b(?P<n>\d+)\.?(?P<ending>º|ª)(?!\w)"), _numbered),),
        regnal={
            **dict.fromkeys(("João", "Pedro", "Afonso", "Manuel", "Maria", "João Paulo"), "ordinal"),
            **dict.fromkeys(("século", "capítulo", "tomo"), "cardinal"),
        },
        roman=_roman,
    )


EUROPEAN, BRAZILIAN = _writing("pt"), _writing("pt_BR")
