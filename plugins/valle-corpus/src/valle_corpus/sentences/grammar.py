"""Sentences for the synthetic corpus, drawn from a small grammar per language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from valle_corpus.sentences.english import ENGLISH
from valle_corpus.sentences.held_out import is_held_out
from valle_corpus.sentences.more import FRENCH, GERMAN, SPANISH

GRAMMARS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": ENGLISH,
    "fr": FRENCH,
    "de": GERMAN,
    "es": SPANISH,
}
"""Per language: slot → alternatives; `{slot}` inside an alternative is expanded in turn, from `sentence` down."""


def _expand(text: str, grammar: Mapping[str, tuple[str, ...]], rng: Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: _expand(rng.choice(grammar[slot[1]]), grammar, rng), text)


def draw_sentence(language: str, rng: Random, *, held_out: bool) -> str:
    """A sentence of one side of the split: no held-out sentence is ever drawn for training, nor the reverse."""
    grammar = GRAMMARS[language]
    while True:
        drawn = _expand("{sentence}", grammar, rng)
        drawn = re.sub(r"\b([Aa])(?= [aeiouAEIOU])", r"\1n", drawn) if language == "en" else drawn
        if is_held_out(drawn) == held_out:
            return drawn[0].upper() + drawn[1:]
