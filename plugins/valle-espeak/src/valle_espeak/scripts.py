"""Which letters each voice reads (its own script, and Latin), and which voice reads the letters of others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby

import regex

_WRITTEN_IN = {
    **dict.fromkeys(("ba", "be", "bg", "bs", "cv", "hr", "kk", "ky", "mk", "nog", "ru", "sr", "tt", "uk"), "Cyrillic"),
    **dict.fromkeys(("ar", "fa", "sd", "ug", "ur"), "Arabic"),
    **dict.fromkeys(("hi", "kok", "mr", "ne"), "Devanagari"),
    **dict.fromkeys(("as", "bn", "bpy"), "Bengali"),
    **dict.fromkeys(("my", "shn"), "Myanmar"),
    **dict.fromkeys(("am", "ti"), "Ethiopic"),
    **dict.fromkeys(("hy", "hyw"), "Armenian"),
    **dict.fromkeys(("el", "grc"), "Greek"),
    **dict.fromkeys(("cmn", "yue"), "Han"),
    "pa": "Gurmukhi",
    "gu": "Gujarati",
    "or": "Oriya",
    "ta": "Tamil",
    "te": "Telugu",
    "kn": "Kannada",
    "ml": "Malayalam",
    "si": "Sinhala",
    "th": "Thai",
    "ka": "Georgian",
    "he": "Hebrew",
    "ko": "Hangul",
    "ja": "Japanese",
    "chr": "Cherokee",
    "en": "Shavian",
}
"""By the first part of espeak-ng's tag; all others are written in Latin letters alone."""

_PARTS = {"Japanese": ("Han", "Hiragana", "Katakana")}

_VOICES = {
    "Han": "cmn",
    "Hiragana": "ja",
    "Katakana": "ja",
    "Hangul": "ko",
    "Cyrillic": "ru",
    "Greek": "el",
    "Arabic": "ar",
    "Hebrew": "he",
    "Devanagari": "hi",
    "Bengali": "bn",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Oriya": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Myanmar": "my",
    "Thai": "th",
    "Georgian": "ka",
    "Armenian": "hy",
    "Ethiopic": "am",
}
"""Script → the voice that reads it where it stands in a text of another language."""


_LENGTH = "ー々"
"""Common to scripts: part of the word they stand in."""


@cache
def _foreign(tag: str) -> regex.Pattern[str]:
    """Letters, and marks on them, of scripts that a voice does not read."""
    script = _WRITTEN_IN.get(tag.split("-")[0], "Latin")
    own = "".join(rf"\p{{Script={part}}}" for part in _PARTS.get(script, (script,)))
    letter = rf"[[\p{{L}}\p{{M}}]--[\p{{Script=Latin}}\p{{Script=Common}}\p{{Script=Inherited}}{own}]]"
    return regex.compile(rf"(?V1){letter}+(?:[ '’ー々〇-]+{letter}+)*")


def foreign_letters(text: str, tag: str) -> list[str]:
    """Distinct letters of a text that the voice `tag` does not read."""
    if text.isascii():
        return []
    return list(
        dict.fromkeys(
            letter
            for run in _foreign(tag).findall(text)
            for letter in run
            if letter.isalpha() and letter not in _LENGTH
        )
    )


@cache
def voice_of(letter: str) -> str:
    """The voice that reads a letter of another script; "" if none does."""
    for script, voice in _VOICES.items():
        if regex.match(rf"\p{{Script={script}}}", letter):
            return voice
    return ""


def runs(text: str, tag: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with the voice that reads it; `tag` where nothing else is known."""
    start = 0
    for found in _foreign(tag).finditer(text):
        yield tag, text[start : found.start()]
        japanese = regex.search(r"[\p{Script=Hiragana}\p{Script=Katakana}]", found.group()) is not None
        voices: list[str] = []
        for character in found.group():
            voice = voice_of(character)
            voices.append("ja" if japanese and voice == "cmn" else voice or (voices[-1] if voices else tag))
        for voice, group in groupby(zip(voices, found.group(), strict=True), key=lambda pair: pair[0]):
            yield voice, "".join(character for _, character in group)
        start = found.end()
    yield tag, text[start:]
