"""Which characters a voice of espeak-ng can say; it spells or leaves out the others without a word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import regex

from valle_core.plugin import UserError
from valle_espeak.scripts import foreign_letters, voice_of
from valle_language.characters import has_no_word, unsayable_error

_FOREIGN = "Write it in letters of the language, leave it out, or set --frontend.foreign voice"
_SPELLED = 3
"""Gaps inside one word of espeak-ng's answer, from which on it spells the number of a character it does not know."""

_PICTURE = regex.compile("(?V1)[\\p{Extended_Pictographic}--[©®™↔-↪‼⁉]]")
"""Emoji are refused, though espeak-ng names some."""

_LOOSE_MARK = re.compile("[\u0300-\u036f]")


class Reading:
    """What espeak-ng says for single characters, asked once each.

    Args:
        say: (text, voice) → what espeak-ng says, with `_` between phonemes and `(xx)` where it switches voices.
    """

    def __init__(self, say: Callable[[str, str], str]) -> None:
        self._say = say
        self._letters: dict[tuple[str, str], str] = {}
        self._signs: dict[tuple[str, str], bool] = {}

    def readable(self, text: str, voice: str, *, foreign: bool) -> str:
        """The text with nothing in it that the voice would spell or leave out.

        Signs the voice has a word for stand alone; a letter it does not know goes without its accents.

        Raises:
            UserError: symbols or letters the voice cannot say, by name.
        """
        others = foreign_letters(text, voice)
        strange = [letter for letter in others if not (foreign and voice_of(letter))]
        if strange:
            raise self._refused(
                strange, text, voice, "Leave it out, or write it in other letters" if foreign else _FOREIGN
            )
        signs = [character for character in dict.fromkeys(text) if _sign(character)]
        silent = [sign for sign in signs if not self.reads(sign, voice)]
        if silent:
            raise self._refused(silent, text, voice, "Leave it out, or write it as words")
        if signs:
            text = re.sub(rf" ?([{re.escape(''.join(signs))}]) ?", r" \1 ", text)
        if text.isascii():
            return text
        text = _LOOSE_MARK.sub("", text)
        plain = {
            ord(letter): self._letter(letter, voice, text)
            for letter in set(text).difference(others)
            if _unusual(letter)
        }
        return text.translate(plain) if plain else text

    def reads(self, sign: str, voice: str) -> bool:
        """Whether the voice has a word of its own for a sign."""
        known = self._signs.get((sign, voice))
        if known is None:
            phonemes = self._say(sign, voice)
            known = (
                bool(phonemes.strip()) and "(" not in phonemes and not _spelled(phonemes) and not _PICTURE.match(sign)
            )
            self._signs[sign, voice] = known
        return known

    def _letter(self, letter: str, voice: str, text: str) -> str:
        """The letter if the voice reads it, else the one it is made of."""
        known = self._letters.get((letter, voice))
        if known is None:
            known = self._letters[letter, voice] = self._read(letter, voice)
        if not known:
            raise self._refused([letter], text, voice, "Write it in other letters")
        return known

    def _read(self, letter: str, voice: str) -> str:
        latin = _latin(letter)
        if not any(_spelled(self._say(shown, voice)) for shown in (letter, f"ma{letter}ma")[: 1 + latin]):
            return letter
        base = unicodedata.normalize("NFD", letter)[0]
        return base if latin and base.isascii() else ""

    @staticmethod
    def _refused(characters: list[str], text: str, voice: str, hint: str) -> UserError:
        return unsayable_error(characters, text, f"frontend 'espeak' in '{voice}'", hint)


def _sign(character: str) -> bool:
    """A symbol, or a number that is no digit, such as ½ and ²."""
    return not character.isalpha() and (has_no_word(character) or unicodedata.category(character) == "No")


def _unusual(letter: str) -> bool:
    return letter > "\u00ff" and unicodedata.category(letter) in ("Ll", "Lu", "Lt", "Lo", "Lm")


def _latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def _spelled(phonemes: str) -> bool:
    return any(word.strip("_").count("__") >= _SPELLED for word in phonemes.split())
