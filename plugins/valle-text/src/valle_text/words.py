"""Raw text → words and marks; nothing that is written gets lost without a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from valle_language.characters import MARKS, has_no_word, unsayable_error
from valle_language.normalise import normalise
from valle_text.options import TextOptions

OWN_MARKS = ",.;:!?…¿¡—"
"""Marks that are symbols of their own, behind a word or (¿ ¡) before one."""

_SAME = str.maketrans({**MARKS, "–": "—", "’": "'", "‘": "'", "＇": "'"})

_PIECE = re.compile(r"\S+")


def prepared(text: str, language: str, options: TextOptions) -> str:
    """The text as its words are taken from it."""
    text = normalise(text, language) if options.normalise else unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cf") else c for c in text.translate(_SAME))
    return text.lower() if options.lowercase else text


def words_and_marks(text: str) -> Iterator[str]:
    """Words (letters, digits, inner apostrophes and hyphens) and single marks, in order.

    Raises:
        UserError: a character that is neither, named.
    """
    stray: dict[str, None] = {}
    for piece in _PIECE.findall(text):
        word = ""
        for place, character in enumerate(piece):
            around = piece[place - 1 : place] if place else "", piece[place + 1 : place + 2]
            if _in_word(character) or (character in "'-" and all(map(_in_word, around)) and word):
                word += character
                continue
            if word:
                yield word
                word = ""
            if character in OWN_MARKS:
                yield character
            elif has_no_word(character):
                stray[character] = None
        if word:
            yield word
    if stray:
        raise unsayable_error(list(stray), text, "frontend 'text'")


def _in_word(character: str) -> bool:
    return bool(character) and unicodedata.category(character)[0] in "LNM"
