"""Conformance suite of frontends.

test_it_conforms = suite.conformance("frontend", lambda: MyFrontend(MyOptions()), spec=SPEC)
"""

# ruff: noqa: PT018  (one finding may take two conditions)
from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from itertools import pairwise
from unittest import SkipTest

import torch

from valle_core.interfaces import Frontend
from valle_core.types import Phonemes
from valle_testing.contract import contract
from valle_testing.suites.frontend.texts import LATIN, NOTHING, SWITCHED, SYLLABLES, said_or_refused, texts_for
from valle_testing.suites.frontend.written import WRITTEN_CHECKS

Build = Callable[[], Frontend]
"""Makes a frontend."""


@contract("Frontend.languages", "Language tags it accepts.")
def accepts_its_languages(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Distinct tags, of which the sampled ones are taken; the tag a result names is taken too and says the same."""
    frontend = build()
    languages = list(frontend.languages())
    assert languages, "it knows no language"
    assert all(isinstance(tag, str) and tag == tag.strip() and tag for tag in languages), f"tags are {languages}"
    assert len(set(languages)) == len(languages), "a language tag stands twice"
    for tag, text in texts_for(frontend, texts).items():
        phonemes = frontend.phonemize(text, tag)
        again = frontend.phonemize(text, phonemes.language)
        assert again.symbols == phonemes.symbols, (
            f"'{tag}' is spoken as '{phonemes.language}', which says {text!r} otherwise"
        )


@contract("Frontend.phonemize", "Raises `UserError` for an unknown language")
def refuses_unknown_languages(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """No tag at all, a nonsense one, a known one with a nonsense ending."""
    frontend = build()
    samples = texts_for(frontend, texts)
    known = set(frontend.languages())
    for tag in ("", "qqq", "no language at all", *(f"{one}-qqqq" for one in samples), *(f"{one}zq" for one in samples)):
        if tag not in known:
            phonemes = said_or_refused(frontend, next(iter(samples.values())), tag)
            assert phonemes is None, (
                f"language {tag!r} is not in languages(), yet it says {phonemes.symbols if phonemes else ()}"
            )


@contract("Frontend.phonemize", "and for text without anything to say.")
def refuses_nothing_to_say(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Empty text, spaces, control characters, punctuation alone."""
    frontend = build()
    for tag in texts_for(frontend, texts):
        for text in NOTHING:
            phonemes = said_or_refused(frontend, text, tag)
            assert phonemes is None, f"{text!r} in '{tag}' gives {phonemes.symbols if phonemes else ()}"


@contract("Phonemes", 'symbols: one string per phoneme or mark, a space between words as its own symbol `" "`.')
def gives_clean_symbols(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Tuples of non-empty strings; white space only as `" "`, between symbols and never twice in a row."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        for shown in (text, text.replace(" ", "\n"), f"  {text}\t\r\n"):
            phonemes = frontend.phonemize(shown, tag)
            what = f"{shown!r} in '{tag}'"
            assert isinstance(phonemes, Phonemes), f"{what} gives a {type(phonemes).__name__}"
            assert isinstance(phonemes.symbols, tuple) and isinstance(phonemes.words, tuple), (
                f"{what}: symbols are no tuple"
            )
            for symbol in phonemes.symbols:
                assert isinstance(symbol, str) and symbol, f"{what}: a symbol is {symbol!r}"
                spaced = any(c.isspace() for c in symbol) and symbol != " "
                assert not spaced, f"{what}: symbol {symbol!r} holds white space"
                strange = any(unicodedata.category(c) == "Cc" for c in symbol)
                assert not strange, f"{what}: symbol {symbol!r} holds a control character"
            assert phonemes.symbols[0] != " " and phonemes.symbols[-1] != " ", f"{what}: it starts or ends with a space"
            doubled = any(a == b == " " for a, b in pairwise(phonemes.symbols))
            assert not doubled, f"{what}: two spaces stand in a row"


@contract("Phonemes", "words: half-open ranges of `symbols`, one per word.")
def marks_every_word(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """In order, apart, in range, with a space between and no sound outside."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        phonemes = frontend.phonemize(text, tag)
        what = f"{text!r} in '{tag}'"
        assert phonemes.words, f"{what} has no word"
        for start, end in phonemes.words:
            assert 0 <= start < end <= len(phonemes.symbols), (
                f"{what}: word {start} … {end} of {len(phonemes.symbols)} symbols"
            )
            inside = phonemes.symbols[start:end]
            assert " " not in inside, f"{what}: word {start} … {end} holds a space: {inside}"
            assert any(_sound(symbol) for symbol in inside), f"{what}: word {start} … {end} holds no sound: {inside}"
        for left, right in pairwise(phonemes.words):
            assert left[1] <= right[0], f"{what}: words {left} and {right} overlap or stand in the wrong order"
            between = phonemes.symbols[left[1] : right[0]]
            assert " " in between, f"{what}: no space stands between the words {left} and {right}: {between}"
        covered = {index for start, end in phonemes.words for index in range(start, end)}
        outside = [
            phonemes.symbols[i]
            for i in range(len(phonemes.symbols))
            if i not in covered and _sound(phonemes.symbols[i])
        ]
        assert not outside, f"{what}: {outside} stand outside every word"


@contract("Frontend", "All words of the text are said.")
def says_every_word(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Leaving out any one word changes the phonemes; so does a word in front or behind."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        words = text.split()
        if len(words) < 2:
            continue
        whole = frontend.phonemize(text, tag)
        for place, word in enumerate(words):
            less = frontend.phonemize(" ".join(words[:place] + words[place + 1 :]), tag)
            differs = sum(map(_sound, less.symbols)) < sum(map(_sound, whole.symbols))
            assert differs, f"{text!r} in '{tag}' says as much without {word!r}"


@contract("Frontend", "All words of the text are said.")
def says_all_of_a_long_text(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """A sentence said sixty times has sixty times its words and sounds."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        once = frontend.phonemize(f"{text}.", tag)
        many = frontend.phonemize(" ".join([f"{text}."] * 60), tag)
        assert len(many.words) == 60 * len(once.words), (
            f"sixty times {text!r} in '{tag}' has {len(many.words)} words, once {len(once.words)}"
        )
        sounds = [sum(map(_sound, phonemes.symbols)) for phonemes in (once, many)]
        assert sounds[1] == 60 * sounds[0], f"sixty times {text!r} in '{tag}' has {sounds[1]} sounds, once {sounds[0]}"


@contract("Phonemes", "symbols: one string per phoneme or mark")
def tells_sounds_apart(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Syllables of which each begins with another consonant are said differently, and not as their vowel alone."""
    frontend = build()
    tags = [tag for tag in texts_for(frontend, texts) if tag.split("-")[0] in LATIN]
    if not tags:
        raise SkipTest("none of its sampled languages is written in Latin letters")
    for tag in tags:
        spoken: dict[tuple[str, ...], str] = {}
        for syllable in SYLLABLES:
            symbols = frontend.phonemize(syllable, tag).symbols
            other = spoken.setdefault(symbols, syllable)
            assert other == syllable, f"{syllable!r} and {other!r} in '{tag}' are both said as {symbols}"


@contract("Frontend", "Equal text and language give equal phonemes, whatever was said before.")
def repeats_itself(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Again, after every other language, after a refusal, in a second object; and no random number is drawn."""
    frontend = build()
    samples = texts_for(frontend, texts)
    first = {tag: frontend.phonemize(text, tag) for tag, text in samples.items()}
    state = torch.get_rng_state()
    for tag, text in reversed(samples.items()):
        for other in samples:
            frontend.phonemize(samples[other], other)
            said_or_refused(frontend, "?!", other)
            again = frontend.phonemize(text, tag)
            assert again == first[tag], f"{text!r} in '{tag}' is said otherwise after '{other}': {again.symbols}"
    second = build()
    for tag, text in samples.items():
        again = second.phonemize(text, tag)
        assert again == first[tag], f"{text!r} in '{tag}' by a second object: {again.symbols}, {first[tag].symbols}"
    assert torch.equal(state, torch.get_rng_state()), "random numbers are drawn"


@contract("Phonemes", "symbols: one string per phoneme or mark")
def leaves_no_tags_in(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Words of another language leave no mark of the switch, brackets in the text no bracket."""
    frontend = build()
    for tag, text in texts_for(frontend, texts).items():
        for mixed in (*(f"{text} {other}" for other in SWITCHED), f"{text} ({text})"):
            phonemes = said_or_refused(frontend, mixed, tag)
            symbols = phonemes.symbols if phonemes else ()
            left = [symbol for symbol in symbols if set(symbol) & set("()[]{}<>_|")]
            assert not left, f"{mixed!r} in '{tag}' leaves {left} among the symbols"


@contract("Frontend.symbols", "Every symbol it may emit for its languages, if it knows; else empty")
def emits_only_its_symbols(build: Build, *, texts: Mapping[str, str] | None = None) -> None:
    """Distinct, equal in a second object, and a superset of what all sampled texts give."""
    frontend = build()
    known = list(frontend.symbols())
    if not known:
        raise SkipTest("it does not know its symbols beforehand")
    assert len(set(known)) == len(known), "a symbol stands twice"
    assert known == list(build().symbols()), "a second object lists other symbols, or in another order"
    for tag, text in texts_for(frontend, texts).items():
        for shown in (text, f"{text}, {text}? {text}!", *SWITCHED):
            phonemes = said_or_refused(frontend, shown, tag)
            strange = sorted(set(phonemes.symbols) - set(known)) if phonemes else []
            assert not strange, f"{shown!r} in '{tag}' gives {strange}, which symbols() does not list"


def _sound(symbol: str) -> bool:
    """Whether a symbol is spoken: it holds a letter or a digit, not only marks (stress marks aside)."""
    return any(unicodedata.category(c)[0] in "LN" and c not in "ˈˌ" for c in symbol)


CHECKS: tuple[Callable[..., None], ...] = (
    repeats_itself,
    accepts_its_languages,
    refuses_unknown_languages,
    refuses_nothing_to_say,
    gives_clean_symbols,
    marks_every_word,
    says_every_word,
    says_all_of_a_long_text,
    tells_sounds_apart,
    leaves_no_tags_in,
    emits_only_its_symbols,
    *WRITTEN_CHECKS,
)
"""Each takes `(build, *, texts=None)`, texts by language tag in place of the built-in ones; raises `AssertionError`."""
