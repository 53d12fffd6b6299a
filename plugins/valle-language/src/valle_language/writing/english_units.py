"""English units, behind a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from valle_language.writing.rules import Noun

_PREFIXES = {
    "": "", "T": "tera", "G": "giga", "M": "mega", "k": "kilo", "h": "hecto", "d": "deci", "c": "centi", "m": "milli",
    "µ": "micro", "μ": "micro", "n": "nano",
}  # fmt: skip
_SCALED = {
    "kcdmµμn": {"m": "-metre", "m²": "square -metre", "m³": "cubic -metre"},
    "TGMk": {
        "B": "-byte", "B/s": "-byte per second", "bit": "-bit", "b": "-bit", "bit/s": "-bit per second",
        "bps": "-bit per second", "Hz": "-hertz", "W": "-watt", "Wh": "-watt hour", "eV": "-electronvolt", "Ω": "-ohm",
        "Pa": "-pascal",
    },
    "kmµμ": {"g": "-gram"},
    "dcmµμ": {"l": "-litre", "L": "-litre"},
    "mµμn": {"s": "-second"},
    "k": {"cal": "-calorie", "J": "-joule", "N": "-newton", "V": "-volt", "m/h": "-metre per hour",
          "m/s": "-metre per second", "g/m³": "-gram per cubic metre"},
    "m": {"A": "-ampere", "Ah": "-ampere hour", "V": "-volt", "W": "-watt", "bar": "-bar", "g/l": "-gram per litre"},
    "M": {"P": "-pixel", "px": "-pixel"},
    "d": {"B": "-bel"},
    "h": {"Pa": "-pascal"},
}  # fmt: skip
"""Prefixes → what they stand before; a dash where their names stand."""

_NAMED = {
    "metre": "m", "square metre": "m²", "cubic metre": "m³", "metre per second": "m/s",
    "metre per second squared": "m/s²", "millimetre of mercury": "mmHg", "kilometre per hour": "kmh|kph",
    "square kilometre": "sq km", "gram": "g", "gram per cubic centimetre": "g/cm³", "litre": "l|L", "hectare": "ha",
    "mile": "mi", "square mile": "mi²|sq mi", "mile per hour": "mph", "mile per gallon": "mpg", "nautical mile": "nmi",
    "foot": "ft|ft.", "square foot": "ft²|sq ft|sq. ft.", "foot per second": "ft/s", "yard": "yd|yds",
    "pound": "lb|lb.|lbs|lbs.", "pound per square inch": "psi", "ounce": "oz|oz.", "fluid ounce": "fl oz",
    "gallon": "gal", "tablespoon": "tbsp", "teaspoon": "tsp", "carat": "ct", "mole": "mol", "second": "s|sec|secs",
    "minute": "min|mins", "hour": "h|hr|hrs", "week": "wk|wks", "year": "yr|yrs", "year old": "yo", "ampere hour": "Ah",
    "volt": "V", "watt": "W", "watt hour": "Wh", "electronvolt": "eV", "ohm": "Ω", "pascal": "Pa", "hertz": "Hz",
    "horsepower": "hp", "calorie": "cal", "bit": "bit|bits", "bit per second": "bit/s|bps", "byte per second": "B/s",
    "kilobyte": "KB", "petabyte": "PB", "kibibyte": "KiB", "mebibyte": "MiB", "gibibyte": "GiB",
    "degree": "°|º", "degree Celsius": "°C|° C", "degree Fahrenheit": "°F|° F", "degree Kelvin": "°K",
    "percentage point": "pp", "part per million": "ppm", "part per billion": "ppb", "revolution per minute": "rpm",
    "beat per minute": "bpm", "frame per second": "fps", "dot per inch": "dpi", "pixel": "px", "point": "pt",
    "time": "x",
}  # fmt: skip
"""Noun → how it is written."""

_COUNTED = re.compile(r"(?P<noun>.*?)(?P<rest>(?: (?:per|of|old|Celsius|Fahrenheit|Kelvin)\b.*)?)")


def _many(one: str) -> str:
    """`kilometre per hour` → `kilometres per hour`."""
    noun, rest = _COUNTED.fullmatch(one).group("noun", "rest")  # type: ignore[union-attr]
    if noun.endswith(("hertz", "horsepower")):
        return one
    return (f"{noun[:-4]}feet" if noun.endswith("foot") else f"{noun}s") + rest


def _units() -> Iterator[tuple[str, str]]:
    for prefixes, units in _SCALED.items():
        for unit, noun in units.items():
            yield from ((prefix + unit, noun.replace("-", _PREFIXES[prefix])) for prefix in prefixes)
    for noun, written in _NAMED.items():
        yield from ((unit, noun) for unit in written.split("|"))


UNITS: Mapping[str, Noun] = {unit: (noun, _many(noun), "n") for unit, noun in _units()}
