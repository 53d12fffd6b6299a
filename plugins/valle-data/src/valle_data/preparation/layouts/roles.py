"""What the columns of a table without names hold: text, text as it is said, speakers or languages, told by their kind.

Measured on what is usual: a text is longer than a name and seldom repeated, a speaker is named in many rows, the two
texts of one row are alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from statistics import fmean

_LOOKED_AT = 200  # rows, spread over all
_ALIKE = 0.5  # of the letters of two texts of one row
_LONGER = 1.5  # how many times as long as a name a text is on average
_SENTENCE = re.compile(r"[.?!,;:。？！、，؟،।]")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_GENDERS = {"f", "m", "female", "male", "woman", "man", "w", "d"}
_LANGUAGES = frozenset({
    "ar", "bg", "bn", "ca", "cmn", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "ga", "he",
    "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "jp", "ka", "kk", "ko", "lt", "lv", "mk", "mn", "ms", "mt", "nb",
    "ne", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur",
    "uz", "vi", "yue", "zh",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """Places of columns, from 0.

    Attributes:
        text: what is said, as it is written.
        spoken: the same as it is read aloud (numbers as words), or None.
        speaker: who says it, or None.
        language: its tag, or None.
        unsure: why this is a guess that the user should look at; empty where it is plain.
    """

    text: int
    spoken: int | None = None
    speaker: int | None = None
    language: int | None = None
    unsure: str = ""

    def __str__(self) -> str:
        named = {self.text: "text", self.spoken: "normalised text", self.speaker: "speaker", self.language: "language"}
        return "|".join(named[place] for place in sorted(place for place in named if place is not None))


def roles_of(rows: Sequence[Sequence[str]]) -> Roles | str:
    """The roles of the columns of rows that are equally wide, or why they are not clear."""
    width = len(rows[0])
    if width == 1:
        return Roles(text=0)
    if width > 3:
        return f"{width + 1} columns"
    sample = [rows[at * len(rows) // _LOOKED_AT] for at in range(_LOOKED_AT)] if len(rows) > _LOOKED_AT else rows
    columns = list(zip(*sample, strict=True))
    pair = _alike(columns)
    if pair is not None:
        text, spoken, *rest = *pair, *(place for place in range(width) if place not in pair)
        if not rest:
            return Roles(text=text, spoken=spoken)
        return _with_name(columns, Roles(text=text, spoken=spoken), rest[0], [column[rest[0]] for column in rows])
    lengths = [_length(column) for column in columns]
    text = max(range(width), key=lambda place: lengths[place])
    rest = [place for place in range(width) if place != text]
    if width == 2:
        return _with_name(columns, Roles(text=text), rest[0], [column[rest[0]] for column in rows])
    tags = [place for place in rest if _are_languages(columns[place])]
    if len(tags) != 1:
        return "two columns beside the text of which neither, or both, are languages"
    (name,) = (place for place in rest if place not in tags)
    return _with_name(columns, Roles(text=text, language=tags[0]), name, [column[name] for column in rows])


def _with_name(columns: Sequence[Sequence[str]], known: Roles, place: int, values: Sequence[str]) -> Roles | str:
    """The roles with what the column at `place` holds beside the text: a language, a speaker, or in doubt a text."""
    column, label = columns[place], f"column {place + 2}"
    if known.language is None and _are_languages(column):
        return Roles(text=known.text, spoken=known.spoken, language=place)
    if {value.casefold() for value in column} <= _GENDERS:
        return f"{label} looks like a gender"
    long_enough = _length(columns[known.text]) >= _LONGER * _length(column)
    if not all(map(_is_name, column)):
        if known.spoken is not None or known.language is not None or any(not value for value in column):
            return f"{label} is neither a name in every row nor like the text"
        first, second = sorted((known.text, place))
        return Roles(text=first, spoken=second, unsure="the two texts of a row are not alike")
    if not long_enough:
        return f"{label} and column {known.text + 2} are both short: each could be the speaker"
    if len(set(values)) == len(values) > 3:
        return f"{label} holds another value in every row"
    unsure = "told by how often its values are repeated"
    return Roles(text=known.text, spoken=known.spoken, speaker=place, language=known.language, unsure=unsure)


def _alike(columns: Sequence[Sequence[str]]) -> tuple[int, int] | None:
    """The two columns whose texts are most alike row by row, if they are so enough."""
    likeness = {pair: _likeness(columns[pair[0]], columns[pair[1]]) for pair in combinations(range(len(columns)), 2)}
    best = max(likeness, key=likeness.__getitem__)
    return best if likeness[best] >= _ALIKE else None


def _likeness(first: Sequence[str], second: Sequence[str]) -> float:
    pairs = [(a[:200].casefold(), b[:200].casefold()) for a, b in zip(first, second, strict=True) if a and b]
    return fmean(SequenceMatcher(None, a, b, autojunk=False).ratio() for a, b in pairs[:60]) if pairs else 0.0


def _length(column: Sequence[str]) -> float:
    """Mean number of characters."""
    return fmean(map(len, column))


def _is_name(value: str) -> bool:
    return 0 < len(value) <= 40 and len(value.split()) <= 4 and not _SENTENCE.search(value)


def _are_languages(column: Sequence[str]) -> bool:
    """Whether all are tags of languages, repeated."""
    return len(set(column)) < max(len(column), 2) and all(
        _TAG.fullmatch(value) and re.split("[-_]", value.lower())[0] in _LANGUAGES for value in column
    )
