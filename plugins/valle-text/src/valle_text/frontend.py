"""The frontend `text`: raw text → symbols, without any phonemes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_text.options import TextOptions
from valle_text.units import Bytes, Characters, Tokens, Unit, read_tokenizer
from valle_text.words import OWN_MARKS, prepared, words_and_marks


class TextFrontend:
    """A `valle_core.interfaces.Frontend` whose words are the written ones.

    Chinese and Japanese are written without spaces: there a word reaches from mark to mark.
    """

    def __init__(self, options: TextOptions, unit: Unit, *, trained: str = "") -> None:
        self.options = options
        self._unit = unit
        self._trained = trained

    def languages(self) -> Sequence[str]:
        """The tags of the option `languages`."""
        return self.options.languages

    def symbols(self) -> Sequence[str]:
        """Known for bytes and tokens."""
        return self._unit.symbols()

    def portable_options(self) -> Mapping[str, Any]:
        """The options with the tokenizer's content in place of its file."""
        return asdict(self.options) | {"tokenizer": "", "trained": self._trained}

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Symbols and word ranges of `text`; a character nobody can say is refused by name."""
        tag = self._tag(language)
        symbols: list[str] = []
        words: list[tuple[int, int]] = []
        for item in words_and_marks(prepared(text, tag, self.options)):
            opening = item in "¿¡"
            if item in OWN_MARKS and not opening:
                if symbols and symbols[-1] != item:
                    symbols.append(item)
                continue
            if symbols and symbols[-1] not in " ¿¡":
                symbols.append(" ")
            if opening:
                symbols.append(item)
                continue
            pieces = self._unit.split(item)
            words.append((len(symbols), len(symbols) + len(pieces)))
            symbols.extend(pieces)
        if not words:
            raise UserError(f"text {text!r} has no words in language '{tag}'. Give a text with words")
        while symbols[-1] in " ¿¡":
            symbols.pop()
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=tag)

    def _tag(self, language: str) -> str:
        tag = language.strip().lower().replace("_", "-")
        if tag in self.options.languages:
            return tag
        near = difflib.get_close_matches(tag, self.options.languages, 3, 0.4)
        raise UserError(
            f"frontend 'text' does not know language '{language}'. "
            + (f"Nearest: {', '.join(near)}; o" if near else "O")
            + f"thers are named with --frontend.languages {tag or 'TAG'}"
        )


def build(options: TextOptions) -> TextFrontend:
    """Factory of the registry entry `text`."""
    if options.trained or options.tokenizer:
        content = options.trained or read_tokenizer(Path(options.tokenizer))
        return TextFrontend(options, Tokens(content, options.tokenizer or "of the model's data"), trained=content)
    units = {"characters": Characters, "bytes": Bytes}
    if options.unit not in units:
        raise UserError(f"unit '{options.unit}' is unknown. Choose characters or bytes")
    return TextFrontend(options, units[options.unit]())
