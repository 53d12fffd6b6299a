"""Tokens → words: which tokens write which word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import WhisperTokenizer

from valle_whisper.parts import token_id

_SPACED = re.compile(rb"[^ \t\r\n\v\f\x1c-\x1f]+")
_LETTERS = re.compile(rb"[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf]+")
"""The bytes of one character each, damaged ones included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A word and its tokens.

    Attributes:
        text: without spaces.
        first: place of its first token.
        last: place of its last token.
    """

    text: str
    first: int
    last: int


class Spelling:
    """Bytes behind tokens of a byte-level vocabulary."""

    def __init__(self, tokenizer: WhisperTokenizer) -> None:
        self._tokenizer = tokenizer
        self._bytes = {letter: code for code, letter in _alphabet().items()}
        self.end = token_id(tokenizer, "<|endoftext|>")

    def token_bytes(self, token: int) -> bytes:
        """What one token writes; a special one nothing."""
        if token >= self.end:
            return b""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        return bytes(self._bytes[letter] for letter in piece)

    def text(self, tokens: Sequence[int]) -> str:
        """On one line, without spaces at its ends; damaged bytes become U+FFFD."""
        return " ".join(_clean(b"".join(map(self.token_bytes, tokens)).decode("utf-8", "replace")).split())

    def tokens(self, text: str, *, spaced: bool = True) -> list[int]:
        """The tokens of a word or text, after a space if `spaced`; a special one written in it becomes that token."""
        return self._tokenizer.encode(f" {text}" if spaced else text, add_special_tokens=False)

    def words(self, tokens: Sequence[int], *, unspaced: bool = False) -> list[Written]:
        """The words of text tokens, split at spaces; `unspaced`: characters, each with the punctuation after it."""
        pieces = [self.token_bytes(token) for token in tokens]
        owners = [place for place, piece in enumerate(pieces) for _ in piece]  # token of each byte
        spans = [match.span() for match in _SPACED.finditer(b"".join(pieces))]
        whole = b"".join(pieces)
        if unspaced:
            spans = _characters(whole, spans)
        texts = [_clean(whole[start:end].decode("utf-8", "replace")).strip() for start, end in spans]
        return [
            Written(text=text, first=owners[start], last=owners[end - 1])
            for text, (start, end) in zip(texts, spans, strict=True)
            if text
        ]


def _clean(text: str) -> str:
    """Without control characters, which no one says; spaces and line ends stay."""
    return "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter) != "Cc")


def _characters(whole: bytes, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of bytes, each a run of Latin letters or digits, or another character with the punctuation after it."""
    found: list[tuple[int, int]] = []
    for first, last in spans:
        before = ""
        for match in _LETTERS.finditer(whole, first, last):
            letter = match.group().decode("utf-8", "replace")
            joins = unicodedata.category(letter[0])[0] in "PM" or (letter.isascii() and before.isascii())
            if before and joins:
                found[-1] = (found[-1][0], match.end())
            else:
                found.append(match.span())
            before = letter
    return found


def _alphabet() -> dict[int, str]:
    """Byte → letter of GPT-2's byte-level vocabulary: printable ones stand for themselves, others for U+0100 and up."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {code: chr(code) for code in printable}
    for code in range(256):
        if code not in letters:
            letters[code] = chr(0x100 + len(letters) - len(printable))
    return letters
