"""Which plugins the environment switches off: VALLE_PLUGINS, VALLE_DISABLE_PLUGINS and --safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from valle_core.registry.scan import Found, normalise

ALWAYS = ("valle.commands", "valle.kinds")


@dataclass(frozen=True, kw_only=True, slots=True)
class Disabling:
    """The user's wish, applied before anything is loaded.

    A word names a plugin (`mamba`), a distribution (`valle-mamba`) or one plugin of it (`valle-mamba:mamba2`).

    Attributes:
        only: if given, everything else is off (VALLE_PLUGINS), but for first-party commands and kinds.
        off: what is off (VALLE_DISABLE_PLUGINS); wins over `only`.
        safe: only first-party distributions stay on.
        first_party: their names.
    """

    only: tuple[str, ...] | None = None
    off: tuple[str, ...] = ()
    safe: bool = False
    first_party: frozenset[str] = frozenset()

    @classmethod
    def read(cls, environ: Mapping[str, str], *, safe: bool = False, first_party: Iterable[str] = ()) -> Disabling:
        """From environment variables; words are separated by commas or spaces."""
        only = environ.get("VALLE_PLUGINS")
        return cls(
            only=None if only is None else _words(only),
            off=_words(environ.get("VALLE_DISABLE_PLUGINS", "")),
            safe=safe,
            first_party=frozenset(first_party),
        )

    def reason(self, found: Found) -> tuple[str, str] | None:
        """Why this entry point is off and how to switch it on, or None when it is on."""
        if any(_matches(word, found) for word in self.off):
            return "listed in VALLE_DISABLE_PLUGINS", "remove it from VALLE_DISABLE_PLUGINS"
        ours = normalise(found.distribution) in self.first_party
        listed = self.only is None or any(_matches(word, found) for word in self.only)
        if not listed and not (ours and found.group in ALWAYS):
            return "not listed in VALLE_PLUGINS", f"add {found.name} to VALLE_PLUGINS"
        if self.safe and not ours:
            return "--safe allows first-party plugins only", "run without --safe"
        return None

    def unknown(self, found: Iterable[Found]) -> list[str]:
        """One warning for each word that matches no installed plugin."""
        entries = list(found)
        named = [("VALLE_PLUGINS", self.only or ()), ("VALLE_DISABLE_PLUGINS", self.off)]
        return [
            f"{variable} names '{word}', which is not an installed plugin or distribution"
            for variable, words in named
            for word in words
            if not any(_matches(word, entry) for entry in entries)
        ]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _matches(word: str, found: Found) -> bool:
    distribution, colon, name = word.partition(":")
    if colon:
        return normalise(distribution) == normalise(found.distribution) and name == found.name
    return word == found.name or normalise(word) == normalise(found.distribution)
