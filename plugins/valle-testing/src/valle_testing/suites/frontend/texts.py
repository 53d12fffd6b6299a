"""What the suite of frontends lets them say."""

from __future__ import annotations

from collections.abc import Mapping

from valle_core.interfaces import Frontend
from valle_core.plugin import UserError
from valle_core.types import Phonemes

TEXTS: Mapping[str, str] = {
    "en": "seven lemons fell down behind the zorbling garden",
    "de": "sieben Vögel singen morgens im Garten",
    "fr": "le petit chat dort sous la table",
    "es": "la niña come pan en la cocina",
    "it": "domani andiamo tutti al mare",
    "pl": "dobry wieczór kochana babciu",
    "ru": "мама мыла большую раму",
    "cmn": "你好 世界",
    "ja": "こんにちは せかい",
    "ko": "안녕하세요 여러분",
}
"""By the first part of a language tag. The words do not depend on each other."""

LATIN = frozenset({"en", "de", "fr", "es", "it", "pl", "xx", "yy"})
"""First parts of tags whose language is written in Latin letters; `xx` and `yy` are tests' own."""

ANYWHERE = "mela kolo nami tulu"
"""For a frontend that knows none of these languages."""

SYLLABLES = ("a", "ba", "da", "fa", "ga", "ka", "la", "ma", "na", "pa", "ra", "sa", "ta")

NOTHING = ("", " ", "\n\t ", "?!… —", "...", ",", "\x00\x07", "¿?", "-", "“”")

SWITCHED = ("Computer Steak hello world", "bonjour monsieur", "hello, 世界", "Straße", "こんにちは hello")


def texts_for(frontend: Frontend, texts: Mapping[str, str] | None) -> dict[str, str]:
    """Text by tag: the given ones, else those it has a tag for (one tag each), else one for its first tags."""
    if texts:
        return dict(texts)
    tags = list(frontend.languages())
    known: dict[str, str] = {}
    for root, text in TEXTS.items():
        mine = sorted((tag for tag in tags if tag.split("-")[0].lower() == root), key=lambda tag: (len(tag), tag))
        known.update(dict.fromkeys(mine[:1], text))
    return known or dict.fromkeys(tags[:2], ANYWHERE)


def said_or_refused(frontend: Frontend, text: str, language: str) -> Phonemes | None:
    """What it says, or None where it raises `UserError`; anything else it raises passes through."""
    try:
        return frontend.phonemize(text, language)
    except UserError:
        return None
