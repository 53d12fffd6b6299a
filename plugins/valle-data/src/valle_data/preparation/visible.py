"""Text without what nobody sees: zero-width and direction marks, soft hyphens, spaces of every kind."""

from __future__ import annotations

import unicodedata

_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol that are drawn as nothing
_SEEN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Of the category "format", but drawn: signs that enclose or precede numbers."""
_JOINERS = "\u200c\u200d"  # they change how Persian, Indic and other letters are written


def visible(text: str) -> str:
    """The text with single plain spaces inside and none at its ends, without characters that are not drawn.

    Joiners stay between two letters or marks beyond ASCII, where they belong to the spelling.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = []
    for place, letter in enumerate(text):
        if _is_space(letter):
            kept.append(" ")
        elif not _is_format(letter) or (letter in _JOINERS and _is_spelling(text, place)):
            kept.append(letter)
    return " ".join("".join(kept).split())


def trimmed(text: str) -> str:
    """The text without spaces of any kind and characters that are not drawn at its ends; as it is inside."""
    first, last = 0, len(text)
    while first < last and (_is_space(text[first]) or _is_format(text[first])):
        first += 1
    while first < last and (_is_space(text[last - 1]) or _is_format(text[last - 1])):
        last -= 1
    return text[first:last]


def _is_space(letter: str) -> bool:
    return letter == " " or unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Zs") or letter in _BLANK


def _is_format(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf" and letter not in _SEEN


def _is_spelling(text: str, place: int) -> bool:
    return 0 < place < len(text) - 1 and all(
        not letter.isascii() and unicodedata.category(letter)[0] in "LM"
        for letter in (text[place - 1], text[place + 1])
    )
