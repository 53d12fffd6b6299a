"""Phonemes of transcripts, asked of the frontend once per text: remembered in memory, and in a file if one is given."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, runtime_checkable

from valle_core.interfaces import Frontend
from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_data.preparation.alignments import phonemes_of
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.loading import Loaded
from valle_data.preparation.phoneme_cache import PhonemeCache, cache_key
from valle_data.preparation.recordings import Rejection


class Phonemizer:
    """A frontend that is asked once per (text, language). For one thread at a time, as most frontends are."""

    def __init__(self, frontend: Frontend, *, cache: PhonemeCache | None = None, capacity: int = 50_000) -> None:
        self._frontend, self._cache = frontend, cache
        self._capacity = capacity
        self._known: dict[tuple[str, str], Phonemes | str] = {}

    def __call__(self, loaded: Loaded) -> Phonemes | Rejection:
        """The phonemes of a transcript: its table's own, or the frontend's, or why it refused it."""
        if loaded.recording.aligned is not None:
            return _interned(phonemes_of(loaded.recording.aligned.symbols, loaded.language))
        key = (loaded.text, loaded.language)
        if key not in self._known:
            if len(self._known) >= self._capacity:
                self._known.clear()
            self._known[key] = self._find(*key)
        found = self._known[key]
        if isinstance(found, str):
            return Rejection(id=loaded.recording.id, reason="no-phonemes", detail=found)
        return found

    def flush(self) -> None:
        """Give what is new to the other processes that share the file."""
        if self._cache is not None:
            self._cache.flush()

    def _find(self, text: str, language: str) -> Phonemes | str:
        found = self._cache.find(text, language) if self._cache is not None else None
        if found is None:
            try:
                found = self._frontend.phonemize(text, language)
            except UserError as error:
                return str(error)  # not written to the file: what was missing may be installed later
            if self._cache is not None:
                self._cache.add(text, language, found)
        return _interned(found)


def _interned(found: Phonemes) -> Phonemes:
    return replace(found, symbols=tuple(map(sys.intern, found.symbols)))  # a symbol occurs a million times


@runtime_checkable
class Versioned(Protocol):
    """A frontend that stands on something whose version changes what it answers."""

    @property
    def version(self) -> str:
        """Of what it stands on, e.g. `espeak-ng 1.52.0`."""
        ...


def open_cache(path: Path | None, components: PreparationComponents) -> PhonemeCache | None:
    """The answers of this frontend in a file; None where no file is named."""
    if path is None:
        return None
    frontend = components.frontend
    versions = [f"valle-core {version('valle-core')}", *([frontend.version] if isinstance(frontend, Versioned) else [])]
    key = cache_key(components.frontend_name, components.plugins, components.frontend_options, versions)
    return PhonemeCache(path, key)
