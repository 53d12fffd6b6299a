"""The frontend `espeak`: text → IPA symbols through phonemizer's espeak-ng wrapper, with the library from pip."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence

import espeakng_loader
from phonemizer.backend.espeak.wrapper import EspeakWrapper

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_espeak.japanese import IDEOGRAPH, in_kana
from valle_espeak.options import EspeakOptions
from valle_language.characters import require_sayable
from valle_language.normalise import normalise

ALIASES = {
    "en": "en-us",
    "en-uk": "en-gb",
    "fr": "fr-fr",
    "de-de": "de",
    "es-es": "es",
    "es-mx": "es-419",
    "it-it": "it",
    "ja-jp": "ja",
    "ko-kr": "ko",
    "pl-pl": "pl",
    "pt-pt": "pt",
    "zh": "cmn",
    "zh-cn": "cmn",
    "zh-tw": "cmn",
    "zh-hk": "yue",
    "no": "nb",
}
"""Usual tags → espeak-ng's. Regions that sound different stay apart: `es` is not `es-419`, `pt` is not `pt-br`."""

MARKS = {"。": ".", "、": ",", "，": ",", "！": "!", "？": "?", "；": ";", "：": ":", "．": "."}
"""Full-width punctuation → the mark that stands for it."""

_STOPS = ",.;:!?…"
_CLAUSE = re.compile(rf"[{_STOPS}]+(?=[\s\"'”’»)\]]|$)|[¿¡—–]|[{''.join(MARKS)}]")
_SWITCH = re.compile(r"\([a-z][a-z0-9-]*\)")
_PHONEME = re.compile(r"^([ˈˌ]*)(.*?)([0-9]*)$", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPOKEN = "$€£¥₩+=<>±×÷√°№℃"
"""Symbols espeak-ng has words for; any other without a word is refused, where espeak-ng would leave it out."""


class EspeakFrontend:
    """A `valle_core.interfaces.Frontend`.

    A symbol is one phoneme as espeak-ng sees it (a diphthong or a long vowel is one symbol: `oʊ`, `iː`), a stress
    mark, a tone number, a punctuation mark, or the space between words.
    """

    def __init__(self, options: EspeakOptions) -> None:
        self.options = options
        if not os.environ.get("PHONEMIZER_ESPEAK_LIBRARY"):
            EspeakWrapper.set_library(espeakng_loader.get_library_path())
        if not os.environ.get("PHONEMIZER_ESPEAK_DATA_PATH"):
            EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
        try:
            self._espeak = EspeakWrapper()
        except (RuntimeError, OSError) as error:
            library = os.environ.get("PHONEMIZER_ESPEAK_LIBRARY", "espeakng-loader's library")
            raise UserError(
                f"espeak-ng does not load from '{library}': {error}. Unset or mend PHONEMIZER_ESPEAK_LIBRARY"
            ) from error
        self._own = sorted({voice.language for voice in self._espeak.available_voices()} - {"variant"})
        self._voice = ""

    @property
    def version(self) -> str:
        """Of the library; other releases say some words otherwise."""
        return f"espeak-ng {'.'.join(map(str, self._espeak.version))}"

    def languages(self) -> Sequence[str]:
        """espeak-ng's tags and the aliases of them."""
        return sorted({*self._own, *ALIASES})

    def symbols(self) -> Sequence[str]:
        """Not known beforehand: the dataset's symbols are collected."""
        return ()

    def resolve(self, language: str) -> str:
        """espeak-ng's tag for a language tag.

        Raises:
            UserError: there is none; the message names the nearest ones.
        """
        tag = language.strip().lower().replace("_", "-")
        tag = tag if tag in self._own else ALIASES.get(tag, tag)
        if tag in self._own:
            return tag
        known = self.languages()
        root = tag.split("-")[0]
        near = [name for name in known if name.split("-")[0] == root] or difflib.get_close_matches(tag, known, 3, 0.4)
        hint = f"Nearest: {', '.join(near)}" if near else f"Choose from: {', '.join(known)}"
        raise UserError(f"frontend 'espeak' has no language '{language}'. {hint}")

    def phonemize(self, text: str, language: str) -> Phonemes:
        """Symbols and word ranges of `text`, one per word as it is said; marks of switched languages never appear."""
        tag = self.resolve(language)
        if self.options.normalise:
            text = normalise(text, tag)
        if any(character.isalnum() for character in text):
            require_sayable(text, "frontend 'espeak'", spoken=_SPOKEN)
        if tag == "ja" and IDEOGRAPH.search(text):
            text = in_kana(text)
        if tag != self._voice:
            self._espeak.set_voice(tag)
            self._voice = tag
        text = _CONTROL.sub(" ", text)
        symbols: list[str] = []
        words: list[tuple[int, int]] = []
        start = 0
        for clause in _CLAUSE.finditer(text):
            self._say(text[start : clause.start()], symbols, words)
            self._mark(clause.group(), symbols)
            start = clause.end()
        self._say(text[start:], symbols, words)
        if not words:
            raise UserError(f"text {text!r} has nothing to say in language '{tag}'. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=tag)

    def _mark(self, marks: str, symbols: list[str]) -> None:
        if self.options.punctuation:
            mark = MARKS.get(marks[0], "…" if marks.startswith("..") else marks[0])
            if mark in "¿¡" and symbols:
                symbols.append(" ")
            symbols.append("—" if mark == "–" else mark)

    def _say(self, text: str, symbols: list[str], words: list[tuple[int, int]]) -> None:
        if not any(character.isalnum() for character in text) and not re.search(r"[^\W_]|[$€£%&@+#=]", text):
            return
        spoken = _SWITCH.sub("", self._espeak.text_to_phonemes(text))
        for word in spoken.split():
            pieces = [piece for phoneme in word.split("_") for piece in self._pieces(phoneme)]
            if not pieces:
                continue
            if symbols and symbols[-1] not in " ¿¡":
                symbols.append(" ")
            words.append((len(symbols), len(symbols) + len(pieces)))
            symbols.extend(pieces)

    def _pieces(self, phoneme: str) -> list[str]:
        found = _PHONEME.match(phoneme.replace("-", ""))
        if found is None:
            return []
        stress, sound, tone = found.groups()
        return [*(stress if self.options.stress else ""), *([sound] if sound else []), *([tone] if tone else [])]


def build(options: EspeakOptions) -> EspeakFrontend:
    """Factory of the registry entry `espeak`."""
    return EspeakFrontend(options)
