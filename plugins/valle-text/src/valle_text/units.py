"""How a word becomes symbols: one class per unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from valle_core.plugin import UserError
from valle_text.words import OWN_MARKS


class Unit(Protocol):
    """Splits words."""

    def split(self, word: str) -> Sequence[str]:
        """At least one symbol; joined they stand for the word. Raises `UserError` where that cannot be."""
        ...

    def symbols(self) -> Sequence[str]:
        """All that `split` may give, with the marks and the space; empty if that is not known."""
        ...


class Characters:
    """One symbol per character; which ones there are, the transcripts decide."""

    def split(self, word: str) -> Sequence[str]:
        return tuple(word)

    def symbols(self) -> Sequence[str]:
        return ()


class Bytes:
    """One symbol per byte of UTF-8: the letter itself in ASCII, else `0xE4`."""

    def split(self, word: str) -> Sequence[str]:
        return tuple(_byte(value) for value in word.encode())

    def symbols(self) -> Sequence[str]:
        inside = [chr(value) for value in range(0x21, 0x7F) if chr(value).isalnum() or chr(value) in "'-"]
        return (" ", *OWN_MARKS, *inside, *(_byte(value) for value in range(0x80, 0x100)))


class Tokens:
    """The pieces a trained tokenizer cuts a word into.

    Args:
        content: a tokenizer file of `valle train-tokenizer`.
        name: for messages.
    """

    def __init__(self, content: str, name: str) -> None:
        from tokenizers import Tokenizer  # half a second; other units do without

        try:
            self._tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # the library raises plain Exception
            raise UserError(
                f"tokenizer '{name}' cannot be read ({error}). Make one with: valle train-tokenizer"
            ) from None
        self._name = name
        self._letters = {letter for token in self._tokenizer.get_vocab() for letter in token}

    def split(self, word: str) -> Sequence[str]:
        tokens = self._tokenizer.encode(word, add_special_tokens=False).tokens
        if "".join(tokens) != word:
            missing = list(dict.fromkeys(letter for letter in word if letter not in self._letters))
            named = ", ".join(f"'{letter}'" for letter in missing) or f"how to spell '{word}'"
            raise UserError(
                f"tokenizer '{self._name}' does not know {named} in '{word}'. "
                f"Train one on texts that have it: valle train-tokenizer"
            )
        return tuple(tokens)

    def symbols(self) -> Sequence[str]:
        return (" ", *OWN_MARKS, *sorted(set(self._tokenizer.get_vocab()) - {" ", *OWN_MARKS}))


def _byte(value: int) -> str:
    return chr(value) if value < 0x80 else f"0x{value:02X}"


def read_tokenizer(path: Path) -> str:
    """Content of a tokenizer file. Raises `UserError` when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"tokenizer '{path}' cannot be read ({why}). Make one with: valle train-tokenizer TEXTS --out {path}"
        ) from None
