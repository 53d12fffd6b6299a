"""Languages without rules of their own: figures by num2words, signs by a list; dates and abbreviations stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from valle_language.number_words import MOST_DIGITS, cardinal, digit_words
from valle_language.tags import root

SIGNS = tuple("%+=&@€$£°<>×÷/#‰№~")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plain:
    """Attributes:
    code: the language for num2words; "" where it has none, and figures stay for the frontend to read.
    point, minus: words.
    signs: of `SIGNS`, each in words.
    """

    code: str
    point: str
    minus: str
    signs: Mapping[str, str]


def _of(code: str, point: str, minus: str, signs: str) -> Plain:
    words = [word.strip() for word in signs.split(",")]
    return Plain(code=code, point=point, minus=minus, signs=dict(zip(SIGNS, words, strict=True)))


LANGUAGES = {
    "nl": _of("nl", "komma", "min", "procent, plus, is gelijk aan, en, apenstaartje, euro, dollar, pond, graden, "
              "kleiner dan, "
              "groter dan, keer, gedeeld door, schuine streep, hekje, promille, nummer, ongeveer"),
    "pl": _of("pl", "przecinek", "minus", "procent, plus, równa się, i, małpa, euro, dolarów, funtów, stopni, "
              "mniejsze niż, "
              "większe niż, razy, podzielić przez, ukośnik, krzyżyk, promili, numer, około"),
    "ru": _of("ru", "запятая", "минус", "процентов, плюс, равно, и, собака, евро, долларов, фунтов, градусов, "
              "меньше, больше, "
              "умножить на, разделить на, косая черта, решётка, промилле, номер, примерно"),
    "uk": _of("uk", "кома", "мінус", "відсотків, плюс, дорівнює, і, равлик, євро, доларів, фунтів, градусів, "
              "менше, більше, "
              "помножити на, поділити на, коса риска, решітка, проміле, номер, приблизно"),
    "cs": _of("cs", "celá", "minus", "procent, plus, rovná se, a, zavináč, euro, dolarů, liber, stupňů, menší "
              "než, větší než, "
              "krát, děleno, lomeno, mřížka, promile, číslo, přibližně"),
    "sv": _of("sv", "komma", "minus", "procent, plus, är lika med, och, snabel-a, euro, dollar, pund, grader, "
              "mindre än, "
              "större än, gånger, delat med, snedstreck, nummer, promille, nummer, ungefär"),
    "da": _of("da", "komma", "minus", "procent, plus, er lig med, og, snabel-a, euro, dollar, pund, grader, "
              "mindre end, "
              "større end, gange, divideret med, skråstreg, nummer, promille, nummer, cirka"),
    "nb": _of("no", "komma", "minus", "prosent, pluss, er lik, og, krøllalfa, euro, dollar, pund, grader, mindre enn, "
              "større enn, ganger, delt på, skråstrek, nummer, promille, nummer, omtrent"),
    "fi": _of("fi", "pilkku", "miinus", "prosenttia, plus, on yhtä kuin, ja, ät-merkki, euroa, dollaria, puntaa, "
              "astetta, "
              "pienempi kuin, suurempi kuin, kertaa, jaettuna, kauttaviiva, numero, promillea, numero, noin"),
    "tr": _of("tr", "virgül", "eksi", "yüzde, artı, eşittir, ve, kuyruklu a, avro, dolar, sterlin, derece, "
              "küçüktür, büyüktür, "
              "çarpı, bölü, eğik çizgi, numara, binde, numara, yaklaşık"),
    "hu": _of("hu", "egész", "mínusz", "százalék, plusz, egyenlő, és, kukac, euró, dollár, font, fok, kisebb "
              "mint, nagyobb mint, "
              "szorozva, osztva, perjel, szám, ezrelék, szám, körülbelül"),
    "ro": _of("ro", "virgulă", "minus", "la sută, plus, egal cu, și, arond, euro, dolari, lire, grade, mai mic decât, "
              "mai mare decât, ori, împărțit la, bară oblică, numărul, la mie, numărul, aproximativ"),
    "hi": _of("", "", "", "प्रतिशत, प्लस, बराबर, और, ऐट, यूरो, डॉलर, पाउंड, डिग्री, से कम, से अधिक, गुणा, भाग, बटा, "
              "नंबर, प्रति हज़ार, नंबर, लगभग"),
}  # fmt: skip
LANGUAGES["no"] = LANGUAGES["nb"]
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)])[-−])?(?<![\w.,])(?P<n>\d{1,3}(?:[. ]\d{3})+(?!\d)|\d+)(?:,(?P<f>\d+))?(?!\w)"
)
_TURKISH = re.compile(r"(?P<n>\d+(?:[.,]\d+)*) ?(?P<sign>[%‰])")


def write_plain(text: str, language: str) -> str:
    """Figures and signs as words, where the language is one of `LANGUAGES`; else the text."""
    plain = LANGUAGES.get(root(language))
    if plain is None:
        return text
    if plain.code == "tr":  # yüzde yirmi: the word comes first
        text = _TURKISH.sub(lambda found: f"{found['sign']}{found['n']}", text)
    for sign, words in plain.signs.items():
        if sign in text:
            pattern = rf" ?{re.escape(sign)} ?(?=([.,;:!?)])(?!\d))?"
            text = re.sub(pattern, lambda found, words=words: f" {words}{'' if found[1] else ' '}", text).strip()
    return _NUMBER.sub(lambda found: _number(found, plain), text) if plain.code else text


def _number(found: re.Match[str], plain: Plain) -> str:
    whole, fraction = re.sub(r"\D", "", found["n"]), found["f"]
    endless = len(whole) > MOST_DIGITS or (whole[0] == "0" and whole != "0")
    said = digit_words(whole, plain.code) if endless else cardinal(int(whole), plain.code)
    if fraction:
        said += f" {plain.point} {digit_words(fraction, plain.code)}"
    return f"{plain.minus} {said}" if found["sign"] else said
