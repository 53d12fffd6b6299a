"""Text → letters."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

from valle_core.plugin import UserError
from valle_core.types import Phonemes

from acme_package.options import AcmeNameOptions

APOSTROPHES = "'’"
"""They join the letters around them: `don't` is one word."""


class AcmeNameFrontend:
    """See `valle_core.interfaces.Frontend`."""

    def __init__(self, options: AcmeNameOptions) -> None:
        self._options = options

    def languages(self) -> Sequence[str]:
        return self._options.languages

    def symbols(self) -> Sequence[str]:
        """Not known beforehand: a text may be written in any script."""
        return ()

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Letters and digits of each word, a space between words, marks behind the word they follow."""
        tag = language.strip().lower()
        if tag not in self._options.languages:
            near = difflib.get_close_matches(tag, self._options.languages, n=1)
            hint = f"Did you mean '{near[0]}'? " if near else ""
            known = ", ".join(self._options.languages)
            raise UserError(f"frontend 'acme-name' has no language '{language}'. {hint}Languages: {known}")
        symbols: list[str] = []
        words: list[tuple[int, int]] = []
        word: list[str] = []
        for character in f"{one_spelling(text)} ":
            group = unicodedata.category(character)[0]
            if group in "LN":
                word.append(character)
            elif group == "M" and word:  # an accent that has no letter of its own
                word[-1] += character
            elif character not in APOSTROPHES:
                if word:
                    symbols += [" "] if symbols else []
                    words.append((len(symbols), len(symbols) + len(word)))
                    symbols += word
                    word = []
                if character in self._options.marks and symbols:
                    symbols.append(character)
        if not words:
            raise UserError(f"text {text!r} has no words in language '{tag}'. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=tag)


def one_spelling(text: str) -> str:
    """Equal texts look equal: composed letters, folded case (folding may take letters apart again)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
