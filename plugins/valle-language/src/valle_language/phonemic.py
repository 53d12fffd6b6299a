"""What a model reads: the phonemes of the words, and those that were given in `[[ ]]` in their place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from valle_core.interfaces import Frontend
from valle_core.plugin import UserError
from valle_core.text.symbols import PAD, UNKNOWN, SymbolMap

_SAME = {"'": "ˈ", "g": "ɡ", ":": "ː", "ɡ": "g", "ʧ": "tʃ", "ʤ": "dʒ"}
"""What keyboards have in place of a symbol, read so where the model lacks the one that was written."""

_TIES = str.maketrans("", "", "\u0361\u035c\u203f")
_CLOSING = re.compile(r"[\s.,;:!?…)\]”»\"]*")
_GIVEN = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_SHOWN = 60
"""Symbols of a model that a message lists."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Words of the language."""

    text: str


@dataclass(frozen=True, slots=True)
class Phonemic:
    """Phonemes, as they were written between `[[` and `]]`."""

    text: str


def symbols_of(text: str, language: str, frontend: Frontend, known: SymbolMap) -> tuple[str, ...]:
    """Symbols of a text for the model; phonemes in `[[ ]]` are taken as they are, each must be one it knows.

    A frontend may have `read_ipa(text) -> str`, which writes IPA as its own symbols are written.

    Raises:
        UserError: a text without phonemes, or a phoneme the model has no symbol for, by name.
    """
    if "[[" not in text:
        return tuple(frontend.phonemize(text, language).symbols)
    found: list[str] = []
    for part in parts_of(text):
        if isinstance(part, Phonemic):
            symbols: Sequence[str] = spelt(_own(part.text, frontend), known)
        else:
            symbols = _words(part.text, language, frontend, known)
        if found and symbols and found[-1] != " " and symbols[0] != " " and not _is_mark(symbols[0]):
            found.append(" ")
        found.extend(symbols)
    return tuple(found)


def parts_of(text: str) -> list[Plain | Phonemic]:
    """Words and phonemes in turn; nothing is left out but white space.

    Raises:
        UserError: `[[` without `]]`, or nothing between them.
    """
    parts: list[Plain | Phonemic] = []
    start = 0
    for found in _GIVEN.finditer(text):
        parts.append(Plain(text[start : found.start()]))
        if not found[1].strip():
            raise UserError(f"no phonemes stand between [[ and ]] in {text!r}. Write them there, as in [[hɛˈloʊ]]")
        parts.append(Phonemic(found[1].strip()))
        start = found.end()
    rest = text[start:]
    if "[[" in rest:
        raise UserError(f"[[ is not closed by ]] in {text!r}. Phonemes are written as in [[hɛˈloʊ]]")
    parts.append(Plain(rest))
    return [part for part in parts if part.text.strip()]


def _words(text: str, language: str, frontend: Frontend, known: SymbolMap) -> list[str]:
    """Marks that close what stands before, then what the frontend says of the words."""
    lead = _CLOSING.match(text)
    end = lead.end() if lead else 0
    marks = [mark for mark in text[:end] if mark in known and mark != " "]
    if not text[end:].strip():
        return marks
    spoken = frontend.phonemize(text[end:], language).symbols
    return [*marks, " ", *spoken] if marks else list(spoken)


def spelt(phonemes: str, known: SymbolMap) -> list[str]:
    """Written phonemes cut into symbols of the model, the longest first; white space is the space between words.

    Raises:
        UserError: what none of them begins with, each named.
    """
    text = " ".join(unicodedata.normalize("NFC", phonemes).translate(_TIES).strip("/").split())
    longest = max(map(len, known.symbols))
    symbols: list[str] = []
    strange: dict[str, None] = {}
    place = 0
    while place < len(text):
        if text[place] in ".‿" and 0 < place < len(text) - 1 and " " not in (text[place - 1], text[place + 1]):
            place += 1  # between syllables
            continue
        piece = next(
            (text[place : place + n] for n in range(longest, 0, -1) if _knows(text[place : place + n], known)), ""
        )
        other = _SAME.get(text[place], "")
        if piece:
            symbols.append(piece)
        elif _knows(other, known):
            symbols.append(other)
        else:
            strange[text[place]] = None
        place += max(1, len(piece))
    if strange:
        raise _unknown(list(strange), phonemes, known)
    return symbols


def _knows(symbol: str, known: SymbolMap) -> bool:
    return symbol in known and symbol not in (PAD, UNKNOWN)


def _is_mark(symbol: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in symbol)


def _own(phonemes: str, frontend: Frontend) -> str:
    read = getattr(frontend, "read_ipa", None)
    return phonemes if read is None else read(phonemes)


def _unknown(strange: list[str], phonemes: str, known: SymbolMap) -> UserError:
    named = ", ".join(f"'{one}' ({unicodedata.name(one, f'U+{ord(one):04X}')})" for one in strange)
    there = [symbol for symbol in known.symbols if symbol not in (PAD, UNKNOWN, " ")]
    listed = " ".join(there[:_SHOWN]) + (" …" if len(there) > _SHOWN else "")
    return UserError(f"the model has no symbol for {named} in the phonemes {phonemes!r}. It knows: {listed}")
