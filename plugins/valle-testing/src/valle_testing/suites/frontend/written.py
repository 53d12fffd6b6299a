"""The part of the suite of frontends on figures, capitals, several lines, foreign letters and every tag."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

from valle_core.interfaces import Frontend
from valle_testing.contract import contract
from valle_testing.suites.frontend.texts import said_or_refused, texts_for

FIGURES = ("7", "42", "305", "1984")
FOREIGN = ("мир", "世界", "ελλάδα", "žluťoučký", "한국", "שלום")
"""Words whose letters most languages do not have."""

ANY_SCRIPT = (
    "mela kolo nami",
    "7 8",
    "мама мыла раму",
    "你好 世界",
    "こんにちは",
    "안녕하세요",
    "καλημέρα κόσμε",
    "سلام دنیا",
    "नमस्ते दुनिया",
    "שלום עולם",
    "สวัสดี",
    "გამარჯობა",
    "բարեւ",
    "হ্যালো",
    "வணக்கம்",
    "ሰላም",
)


@contract("Frontend", "All words of the text are said.")
def says_figures(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """A figure behind a text or before it is said or refused, never dropped; two figures are not said alike."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        bare = _sounds(frontend, text, tag)
        spoken: dict[tuple[str, ...], str] = {}
        for figure in FIGURES:
            for shown in (f"{text} {figure}", f"{figure} {text}"):
                phonemes = said_or_refused(frontend, shown, tag)
                assert phonemes is None or _count(phonemes.symbols) > bare, (
                    f"{shown!r} in '{tag}' says as much without {figure}"
                )
            phonemes = said_or_refused(frontend, f"{text} {figure}", tag)
            if phonemes is not None:
                other = spoken.setdefault(phonemes.symbols, figure)
                assert other == figure, f"{figure} and {other} behind {text!r} in '{tag}' are said alike"


@contract("Frontend", "All words of the text are said.")
def says_capitals(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """Each word in capitals, and with a capital at its head, is said: leaving it out says less."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        words = text.split()
        for change in (str.upper, str.capitalize):
            for place, word in enumerate(words):
                shown = " ".join([*words[:place], change(word), *words[place + 1 :]])
                less = " ".join([*words[:place], *words[place + 1 :]])
                phonemes = said_or_refused(frontend, shown, tag)
                differs = phonemes is None or not less or _count(phonemes.symbols) > _sounds(frontend, less, tag)
                assert differs, f"{shown!r} in '{tag}' says as much without {change(word)!r}"


@contract("Frontend", "All words of the text are said.")
def says_very_long_words(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """A word of hundreds of letters in front of a text, inside or behind is said or refused, never dropped."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        first, *rest = text.split()
        bare = _sounds(frontend, text, tag)
        for times in (20, 200):
            word = first * times
            for shown in (f"{word} {text}", " ".join([first, word, *rest]), f"{text} {word}"):
                phonemes = said_or_refused(frontend, shown, tag)
                assert phonemes is None or _count(phonemes.symbols) > bare, (
                    f"{text!r} in '{tag}' with a word of {len(word)} letters says as much as without"
                )


@contract("Frontend", "All words of the text are said.")
def says_every_line(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """Three lines, with every kind of line end and empty lines between, have three times the words of one."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        once = len(frontend.phonemize(f"{text}.", tag).words)
        for end in ("\n", "\r\n", "\n\n", "\u2028", "\t"):
            phonemes = frontend.phonemize(end.join([f"{text}."] * 3), tag)
            assert len(phonemes.words) == 3 * once, (
                f"three lines of {text!r} in '{tag}', parted by {end!r}, have {len(phonemes.words)} words, "
                f"one has {once}"
            )


@contract("Frontend", "All words of the text are said.")
def says_or_refuses_foreign_letters(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """A word in letters of another script is said or refused, never left out without a word."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        bare = _sounds(frontend, text, tag)
        for word in FOREIGN:
            shown = f"{text} {word}"
            phonemes = said_or_refused(frontend, shown, tag)
            assert phonemes is None or _count(phonemes.symbols) > bare, (
                f"{shown!r} in '{tag}' says as much without {word!r}"
            )


@contract("Frontend.languages", "Language tags it accepts.")
def speaks_every_tag(build: Callable[[], Frontend], *, texts: Mapping[str, str] | None = None) -> None:
    """Each of its tags, however many, says something: a text in one of the world's scripts, or figures."""
    frontend = build()
    own = texts_for(frontend, texts)
    for tag in frontend.languages():
        tried = (*([own[tag]] if tag in own else []), *ANY_SCRIPT)
        spoken = any(said_or_refused(frontend, text, tag) is not None for text in tried)
        assert spoken, f"'{tag}' is in languages(), yet nothing can be said in it"


def _sounds(frontend: Frontend, text: str, tag: str) -> int:
    phonemes = said_or_refused(frontend, text, tag)
    return _count(phonemes.symbols) if phonemes else 0


def _count(symbols: tuple[str, ...]) -> int:
    """Symbols that are spoken."""
    return sum(any(unicodedata.category(c)[0] in "LN" and c not in "ˈˌ" for c in symbol) for symbol in symbols)


WRITTEN_CHECKS: tuple[Callable[..., None], ...] = (
    says_figures,
    says_capitals,
    says_very_long_words,
    says_every_line,
    says_or_refuses_foreign_letters,
    speaks_every_tag,
)
"""Each takes `(build, *, texts=None)`."""
