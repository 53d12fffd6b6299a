"""Symbols of frontends (IPA, misaki's letters) in the sounds that hama tells apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

LETTERS: Mapping[str, tuple[str, ...]] = {
    "A": ("eɪ",),
    "I": ("aɪ",),
    "O": ("oʊ",),
    "W": ("aʊ",),
    "Y": ("ɔɪ",),
    "Q": ("oʊ",),
    "T": ("ɾ",),
    "ʤ": ("d͡ʒ",),
    "dʒ": ("d͡ʒ",),
    "ʧ": ("t͡ʃ",),
    "tʃ": ("t͡ʃ",),
    "əʊ": ("oʊ",),
    "ᵻ": ("ɪ",),
    "ɾ": ("ɾ",),
    "ɝ": ("ɜ", "ɹ"),
    "ɚ": ("ə", "ɹ"),
    "x": ("k",),
    "ɬ": ("l",),
    "ʔ": ("t",),
}
"""Letters of misaki's alphabet (capitals, ligatures) and pairs of IPA → sounds."""

NEAR: tuple[tuple[str, ...], ...] = (
    ("ə", "ʌ", "ɐ", "ᵊ", "ɪ", "ɨ", "ɜ"),
    ("ʌ", "ə", "ɐ"),
    ("ɐ", "ə", "ʌ", "æ"),
    ("ᵊ", "ə", "ʌ", "ɪ"),
    ("ɪ", "ɨ", "i", "ə"),
    ("i", "ɪ"),
    ("ɑ", "ɒ", "ɔ", "a"),
    ("ɒ", "ɑ", "ɔ"),
    ("ɔ", "ɑ", "ɒ", "o", "oʊ"),
    ("oʊ", "o", "ɔ"),
    ("ɛ", "e", "æ"),
    ("e", "eɪ", "ɛ"),
    ("ɜ", "ɝ", "ɚ", "ə", "ʌ"),
    ("ʊ", "u"),
    ("u", "ʊ"),
    ("a", "ɑ", "æ"),
    ("ɹ", "r", "ɚ", "ɝ"),
    ("r", "ɹ"),
    ("ɾ", "t", "d"),
    ("t", "ɾ", "d"),
    ("d", "ɾ", "t"),
    ("ɡ", "g"),
    ("g", "ɡ"),
    ("l", "ɫ"),
    ("ɫ", "l"),
    ("z", "s"),
    ("s", "z"),
    ("ð", "θ", "d"),
    ("θ", "ð", "t"),
    ("ʒ", "ʃ", "d͡ʒ"),
)
"""Sounds that speakers and frontends say for each other, the first by any of the others."""

_NEAR = {sounds[0]: sounds for sounds in NEAR}


@lru_cache(maxsize=4096)
def sounds_of(symbol: str, known: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """The sounds of a symbol one after the other, each as the tokens that may stand for it; () for a mark.

    Args:
        symbol: of a frontend.
        known: tokens of the recognizer.
    """
    letters = "".join(one for one in unicodedata.normalize("NFD", symbol) if unicodedata.category(one) != "Mn")
    if symbol in known and symbol not in LETTERS:
        letters = symbol
    found: list[tuple[str, ...]] = []
    place = 0
    while place < len(letters):
        for length in (3, 2, 1):
            part = letters[place : place + length]
            if len(part) == length and (own := LETTERS.get(part) or ((part,) if _is_sound(part, known) else None)):
                found += [tuple(one for one in _NEAR.get(name, (name,)) if one in known) for name in own]
                place += length
                break
        else:
            place += 1
    return tuple(tokens for tokens in found if tokens)


def _is_sound(part: str, known: frozenset[str]) -> bool:
    return part in known and all(unicodedata.category(one) in ("Ll", "Lo") for one in part if one != "͡")
