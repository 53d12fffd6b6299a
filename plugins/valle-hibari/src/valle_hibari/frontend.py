"""The frontend `hibari`: English text → one symbol per character of misaki's alphabet, by hibari-tts."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_hibari.options import HibariOptions

ACCENTS = {"en": "en-us", "en-us": "en-us", "en-gb": "en-gb", "en-uk": "en-gb"}
"""Tags it accepts → the accent they are read with."""

MARKS = frozenset(';:,.!?—…"“”')
"""Symbols that nobody says; quotes are marks of misaki's alphabet too. Its brackets are left out."""
BRACKETS = "()"
STRESS = frozenset("ˈˌ")
SOUNDS = frozenset("AIOQSTWYabdefhijklmnoprstuvwxzæçðŋɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒʔʤʧθᵊᵻː̃")
"""Sounds of both accents; A I O Q W Y are diphthongs, ʤ ʧ affricates, T a flap, ᵊ a schwa that may be left out."""

_SPOKEN = "$€£¥%&@+#=*~^<>×÷°"
"""Symbols it has words for."""
_FRACTIONS = {"½": "a half", "⅓": "a third", "⅔": "two thirds", "¼": "a quarter", "¾": "three quarters"}
_WRITTEN_OUT = (
    (re.compile(r"\bwww\.(?=\w)", re.IGNORECASE), "w w w dot "),
    (re.compile(r"\bwww\b", re.IGNORECASE), "w w w"),
    *((re.compile(rf"(?<=[0-9])\s*{sign}"), f" and {words}") for sign, words in _FRACTIONS.items()),
    *((re.compile(sign), words) for sign, words in _FRACTIONS.items()),
)
"""What hibari-tts reads as no one does, or not at all, and how it is written for it."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LINK = re.compile(r"\]\(")
_MARKS = re.escape("".join(sorted(MARKS)))
_RUN = re.compile(rf"[{_MARKS}]+|[^{_MARKS}{re.escape(BRACKETS)}]+")


class HibariFrontend:
    """A `valle_core.interfaces.Frontend` for American and British English.

    Numbers, money, dates and abbreviations are read by hibari-tts itself.
    """

    def __init__(self, options: HibariOptions) -> None:
        if find_spec("hibari") is None:
            raise UserError("frontend 'hibari' needs hibari-tts. Install it with: pip install hibari-tts==0.2.1")
        self.options = options
        self._readers: dict[str, Callable[[str], str]] = {}

    @property
    def version(self) -> str:
        """Of the package; other releases say some words otherwise."""
        return f"hibari-tts {version('hibari-tts')}"

    def languages(self) -> Sequence[str]:
        """American and British English."""
        return tuple(ACCENTS)

    def symbols(self) -> Sequence[str]:
        """All of the alphabet that the options leave."""
        marks = MARKS if self.options.punctuation else frozenset()
        stress = STRESS if self.options.stress else frozenset()
        return sorted({" ", *SOUNDS, *marks, *stress})

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Symbols and word ranges of `text`.

        Raises:
            UserError: another language, letters that are not Latin, or a text without words.
        """
        tag = _accent(language)
        text = _LINK.sub("] (", _CONTROL.sub(" ", unicodedata.normalize("NFC", text)))
        for written, words in _WRITTEN_OUT:
            text = written.sub(words, text)
        _require_sayable(text)
        symbols: list[str] = []
        words: list[tuple[int, int]] = []
        for run in _runs(self._read(text, tag)):
            if run[0] in MARKS:
                symbols += run if self.options.punctuation else ""
                continue
            sounds = [sound for sound in run if sound in SOUNDS or (sound in STRESS and self.options.stress)]
            if not any(sound in SOUNDS for sound in sounds):
                continue
            if words and symbols[-1] not in "“ ":
                symbols.append(" ")
            words.append((len(symbols), len(symbols) + len(sounds)))
            symbols += sounds
        if not words:
            raise UserError(f"text {text!r} has no words in language '{tag}'. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=tag)

    def _read(self, text: str, tag: str) -> str:
        from hibari.g2p import G2P  # pyright: ignore[reportMissingImports]
        from hibari.tts import Hibari  # pyright: ignore[reportMissingImports]

        if tag not in self._readers:
            self._readers[tag] = G2P(british=tag == "en-gb")
        read = self._readers[tag]
        return " ".join(filter(None, (read(sentence) for sentence in Hibari.split_sentences(text))))


def _runs(spoken: str) -> list[str]:
    """Marks and words in order, spaces left out."""
    return [run for piece in spoken.split() for run in _RUN.findall(piece)]


def _accent(language: str) -> str:
    tag = language.strip().lower().replace("_", "-")
    if tag in ACCENTS:
        return ACCENTS[tag]
    near = difflib.get_close_matches(tag, ACCENTS, 3, 0.4)
    hint = f"Nearest: {', '.join(near)}" if near else f"Choose from: {', '.join(ACCENTS)}"
    raise UserError(f"frontend 'hibari' has no language '{language}'. {hint}")


def _require_sayable(text: str) -> None:
    """What hibari-tts would leave out without a word is refused: other scripts and digits, emoji, rare symbols."""
    for character in text:
        kind = unicodedata.category(character)
        name = unicodedata.name(character, f"U+{ord(character):04X}")
        latin = kind[0] == "L" and name.startswith("LATIN")
        if latin or character in "0123456789" or character in _SPOKEN or kind[0] in "PZ" or kind == "Mn":
            continue
        raise UserError(
            f"frontend 'hibari' reads English and cannot say {character!r} ({name.lower()}) in {text!r}. "
            "Leave it out, or write it as words"
        )


def build(options: HibariOptions) -> HibariFrontend:
    """Factory of the registry entry `hibari`."""
    return HibariFrontend(options)
