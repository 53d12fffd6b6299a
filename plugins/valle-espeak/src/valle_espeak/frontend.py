"""The frontend `espeak`: text → IPA symbols through phonemizer's espeak-ng wrapper, with the library from pip."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import espeakng_loader
from phonemizer.backend.espeak.wrapper import EspeakWrapper

from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_espeak.japanese import IDEOGRAPH, in_kana
from valle_espeak.options import EspeakOptions
from valle_espeak.reading import Reading
from valle_espeak.scripts import runs
from valle_language.characters import MARKS
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

WITHOUT_WORDS = ("fo", "kaa", "xex")
"""Voices that some builds of espeak-ng list and cannot use, because their dictionary was left out."""

_STOPS = ",.;:!?…"
_CLAUSE = re.compile(rf"[{_STOPS}]+(?=[\s\"'”’»)\]]|$)|[¿¡—–]|[{''.join(MARKS)}]+")
_SWITCH = re.compile(r"\([a-z][a-z0-9-]*\)")
_PHONEME = re.compile(r"^([ˈˌ]*)(.*?)([0-9]*)$", re.DOTALL)
_ONSET = re.compile("([ˈˌ])([^aeiouyɑæɐɒɔəɘɛɜɞɤɨɪɯɵøœɶʉʊʌʏᵻɚɝˈˌ\\s]+)(?=[aeiouyɑæɐɒɔəɘɛɜɞɤɨɪɯɵøœɶʉʊʌʏᵻɚɝ])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
            why = getattr(error, "strerror", None) or error
            raise UserError(
                f"espeak-ng does not load from '{library}': {why}. Unset or fix PHONEMIZER_ESPEAK_LIBRARY"
            ) from error
        tags = {voice.language for voice in self._espeak.available_voices()} - {"variant"}
        self._own = sorted(tags - {tag for tag in WITHOUT_WORDS if not _has_dictionary(tag)})
        self._tags = {tag.lower(): tag for tag in self._own}
        self._voice = ""
        self._reading = Reading(self._spoken)

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
        tag = ALIASES.get(tag, tag) if tag not in self._tags else tag
        if tag in self._tags:
            return self._tags[tag]
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
        text = self._reading.readable(text, tag, foreign=self.options.foreign == "voice")
        symbols: list[str] = []
        words: list[tuple[int, int]] = []
        for voice, run in runs(_CONTROL.sub(" ", text), tag):
            self._run(run, voice, symbols, words)
        if not words:
            raise UserError(f"text {text!r} has no words in language '{tag}'. Give a text with words")
        return Phonemes(symbols=tuple(symbols), words=tuple(words), language=tag)

    def read_ipa(self, text: str) -> str:
        """IPA as its symbols are written: a stress mark stands before the vowel, not before the syllable."""
        return _ONSET.sub(r"\2\1", text)

    def _run(self, text: str, voice: str, symbols: list[str], words: list[tuple[int, int]]) -> None:
        """Say words of one voice, clause by clause."""
        if voice == "ja" and IDEOGRAPH.search(text):
            text = in_kana(text)
        start = 0
        for clause in _CLAUSE.finditer(text):
            self._say(text[start : clause.start()], voice, symbols, words)
            self._mark(clause.group(), symbols)
            start = clause.end()
        self._say(text[start:], voice, symbols, words)

    def _spoken(self, text: str, voice: str) -> str:
        if voice != self._voice:
            self._espeak.set_voice(voice)
            self._voice = voice
        return self._espeak.text_to_phonemes(text)

    def _mark(self, marks: str, symbols: list[str]) -> None:
        if self.options.punctuation:
            mark = MARKS.get(marks[0], "…" if marks.startswith("..") else marks[0])
            if mark in "¿¡" and symbols:
                symbols.append(" ")
            symbols.append("—" if mark == "–" else mark)

    def _say(self, text: str, voice: str, symbols: list[str], words: list[tuple[int, int]]) -> None:
        if not text.strip():
            return
        spoken = _SWITCH.sub("", self._spoken(text, voice))
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


def _has_dictionary(tag: str) -> bool:
    """Whether the data folder has the words of a voice."""
    folder = Path(os.environ.get("PHONEMIZER_ESPEAK_DATA_PATH") or espeakng_loader.get_data_path())
    return any((place / f"{tag}_dict").is_file() for place in (folder, folder / "espeak-ng-data"))
