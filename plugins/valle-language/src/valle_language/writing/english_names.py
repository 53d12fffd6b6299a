"""English names and short forms with letters: addresses of the net, initials, spelt words, numerals of kings, Greek."""

from __future__ import annotations

import re

from valle_language.number_words import cardinal, digit_words, ordinal
from valle_language.roman import ROMAN, roman_value
from valle_language.writing.english_tables import GREEK
from valle_language.writing.rules import Rule

_TLD = "com|org|net|edu|gov|info|io|ai|co|uk|de|fr|es|it|eu|us|ca|au|nz|in|jp|ch|dev|app|tv|me|biz|mil|int"
_SPELT_TLD = frozenset({"io", "ai", "uk", "de", "fr", "es", "eu", "us", "ca", "au", "nz", "jp", "ch", "tv"})
_MARKS = {
    ".": "dot",
    "@": "at",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "+": "plus",
    "%": "percent",
    "~": "tilde",
}
STARTERS = (
    "The|A|An|He|She|It|They|We|You|I|But|And|So|Then|This|That|These|Those|There|In|On|At|If|When|What|Why|How|Who"
    "|Where|His|Her|Their|My|Our|No|Yes|As|For|After|Before"
)
"""Words that begin a sentence rather than a name."""

_SPELT = {
    **dict.fromkeys(("US", "UK", "EU", "UN", "AI", "IT", "TV", "PC", "ID", "HR", "PR", "GP", "DJ", "VIP", "CEO")),
    **dict.fromkeys(("USA", "UAE", "USSR", "IRS", "IPO", "IOU", "DIY", "FAQ", "URL", "USB", "CIA", "ATM", "EV", "UV")),
}
_KINGS = (
    *("Elizabeth", "Henry", "Charles", "George", "Edward", "James", "William", "Louis", "John Paul", "Benedict"),
    *("Philip", "Catherine", "Richard", "Mary", "Francis", "Frederick", "Napoleon", "Nicholas", "Alexander", "Peter"),
    *("Pius", "Gregory", "Leo", "Clement", "Innocent", "Leopold", "Wilhelm", "Ivan", "Ferdinand", "Alfonso", "Felipe"),
    *("Gustav", "Christian", "Harald", "Haakon", "Ramesses", "Ptolemy", "Darius", "Xerxes", "Cyrus", "Robert"),
)
_NUMBERED = (
    *("Chapter", "Part", "Volume", "Vol.", "Vol", "Act", "Scene", "Article", "Section", "Book", "Phase", "Type"),
    *("Class", "Level", "Stage", "Title", "War", "Bowl", "Episode", "Appendix", "Figure", "Table", "Category", "Mark"),
)
_WAR = {"I": "One", "II": "Two", "III": "Three", "1": "One", "2": "Two", "3": "Three"}


def _address(found: re.Match[str]) -> str:
    text = found.group().rstrip(".,;:!?)")
    rest = found.group()[len(text) :]
    words: list[str] = []
    for piece in re.findall(r"[A-Za-z]+|\d+|.", text):
        if piece.isdigit():
            words.append(cardinal(int(piece), "en") if len(piece) < 3 and piece[0] != "0" else digit_words(piece, "en"))
        elif piece.isalpha() and piece.isascii():
            spelt = piece.lower() in ("www", "http", "https", "ftp") or (words[-1:] == ["dot"] and piece in _SPELT_TLD)
            words.append(" ".join(piece.upper()) if spelt else piece)
        else:
            words.append(_MARKS.get(piece, piece))
    return " ".join(words) + rest


def _initials(found: re.Match[str]) -> str:
    letters = " ".join(found["letters"].replace(".", "").replace(" ", ""))
    rest = found.string[found.start() + len(found.group().rstrip()) :]
    ends = not rest.strip() or re.match(rf"[\"'”’)]*\s+(?:{STARTERS})\b", rest) or rest.startswith("\n")
    gap = " " if found.group().endswith(" ") else ""
    return letters + (found["s"] or "") + ("." if ends and found.group().rstrip().endswith(".") else "") + gap


def _doctor(found: re.Match[str]) -> str:
    ends = found.group().endswith(".") and not found.string[found.end() :].strip()
    return "P H D." if ends else "P H D"


def _spelt(found: re.Match[str]) -> str:
    line = found.string
    if line.upper() == line and len(line.split()) > 1:
        return found.group()
    return " ".join(found["word"]) + (found["s"] or "")


def _king(found: re.Match[str]) -> str:
    return f"{found['name']} the {ordinal(roman_value(found['n']), 'en')}{found['s'] or ''}"


def _numbered(found: re.Match[str]) -> str:
    return f"{found['name']} {cardinal(roman_value(found['n'].upper()), 'en')}{found['s'] or ''}"


_DAY = "Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun"
_S = r"(?P<s>['’]s)?(?![\w'’])"

NAMES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), written)
    for pattern, written in (
        (r"(?:https?|ftp)://[^\s<>\"“”]+", _address),
        (r"\bwww\.[^\s<>\"“”]+", _address),
        (r"(?<![\w.])[\w.+-]+@[A-Za-z\d-]+(?:\.[A-Za-z\d-]+)+", _address),
        (rf"(?<![\w.@])[a-zA-Z\d-]+(?:\.[a-z\d-]+)*\.(?:{_TLD})(?:/[^\s<>\"“”]*)?(?![\w@]|\.\w)", _address),
        (r"(?<!\w)#(?=[A-Za-z])", lambda f: "hashtag "),
        (r"(?<!\w)@(?=[A-Za-z])", lambda f: "at "),
        (r"\bSt\.?(?= [A-Z][a-z])(?!\. (?:The|He|She|It|They|We|I|But|And|In|On)\b)", lambda f: "Saint"),
        (r"\bNo (?=\d)", lambda f: "number "),
        (r"(?<!\w)[#№] ?(?=\d)", lambda f: "number "),
        (r"(?<=\d)[º°](?=[CF]\b)", lambda f: "°"),
        (r"(?<=\d) ?in\.(?= [a-z]| ?[x×,;]|$)", lambda f: " inches"),
        (r"\bWorld War (?P<n>III|II|I|[123])\b", lambda f: f"World War {_WAR[f['n']]}"),
        (r"\bWW ?(?P<n>III|II|I|[123])\b", lambda f: f"World War {_WAR[f['n']]}"),
        (rf"\b(?P<name>{'|'.join(_KINGS)}) (?P<n>{ROMAN}){_S}", _king),
        (rf"\b(?P<name>{'|'.join(map(re.escape, _NUMBERED))}) (?P<n>{ROMAN}){_S}", _numbered),
        (r"\b(?P<name>(?:[Vv]ol(?:ume|\.)?|[Cc]h(?:apter|\.)|[Pp](?:art|hase)|[Tt]ype|[Cc]lass|[Aa]ct|[Ss]cene|[Bb]ook))"
         rf" (?P<n>{ROMAN}|(?=[ivx]{{1,5}}\b)(?:x{{0,3}}(?:ix|iv|v?i{{0,3}}))){_S}", _numbered),
        (rf"\b(?P<name>[A-Z][a-z]{{2,}}) (?P<n>(?:II|III|IV|VI|VII|VIII|IX|XI|XII|XIII|XIV|XV|XVI)){_S}", _numbered),
        (r"\bPh\.? ?D\b\.?", _doctor),
        (r"(?<![\w.])(?P<letters>(?:[A-Z]\.){2,}|[A-Z](?:\.[A-Z])+\.?|(?<![A-Z] )(?:[A-Z]\. ){1,3}(?=[A-Z][a-z]))"
         r"(?P<s>['’]s)?(?![a-z])", _initials),
        (rf"(?<![\w.&'’-])(?P<word>{'|'.join(_SPELT)})(?P<s>['’]?s)?(?![\w&'’$])", _spelt),
        (r"(?<=\w)\+\+", lambda f: " plus plus"),
        (r"(?<!\w)\+/- ?(?=\W|\d)", lambda f: "±"),
        (r"(?:=>|-+>|⟶) ?", lambda f: "to "),
        (r"[<>]=", lambda f: "≤" if f.group()[0] == "<" else "≥"),
        (r"!=|<>|=/=", lambda f: "≠"),
        (r"==+", lambda f: "="),
        (r"\b(?P<a>[CF])#(?!\w)", lambda f: f"{f['a']} sharp"),
        (r"(?<!\d )(?<!\w)(?P<g>[α-ωΑ-Ω])(?![^\W\d_])", lambda f: f" {GREEK.get(f['g'].lower(), f['g'])} ".strip()),
        (rf"(?P<a>\b(?:{_DAY})(?:day)?) ?[–-] ?(?P<b>(?:{_DAY})(?:day)?\b)",
         lambda f: f"{_day(f['a'])} to {_day(f['b'])}"),
        (r"(?<!\d )(?<!\d)\bkm/h\b", lambda f: "kilometres per hour"),
        (r"\b(?P<a>[A-Za-z]+)/(?P<b>[A-Za-z]+)\b(?!/)(?<!/day)(?<!/year)(?<!/week)(?<!/hour)(?<!/month)",
         lambda f: _either(f)),
    )
)  # fmt: skip
"""In this order, before the figures are read."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _day(short: str) -> str:
    return next(day for day in _DAYS if day.startswith(short[:3]))


def _either(found: re.Match[str]) -> str:
    """`and/or`, `his/her`: said one after the other; what is an abbreviation stays."""
    first, second = found["a"], found["b"]
    if min(len(first), len(second)) < 2:
        return found.group()
    return f"{first} {second}" if (first, second) == ("and", "or") else f"{first} slash {second}"
