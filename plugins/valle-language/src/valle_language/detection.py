"""Which language a text is in: by its script where that decides, else by py3langid, offline and deterministic."""

from __future__ import annotations

import copy
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from valle_core.plugin import UserError
from valle_language.tags import normal_tag, root

AUTO = "auto"
DETECTED = ("en", "fr", "de", "es", "it", "pt", "ja", "zh", "ko")
"""Languages that are told apart where no others are named."""

CONFIDENT = 0.9
"""Share of the probability that the best candidate must have."""

STRANGER = 10.0
"""Nats by which a language outside of the candidates must win to be believed."""

MAJORITY = 2 / 3
"""Share of a speaker's texts that must agree."""

_KANA = re.compile("[\u3040-\u30ff\uff66-\uff9f]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Detected:
    """What was found.

    Attributes:
        language: the candidate's tag.
        share: of the probability, among the candidates.
        others: candidates that differ from it by region only; the text does not tell which one is meant.
    """

    language: str
    share: float
    others: tuple[str, ...] = ()

    def note(self) -> str:
        """For the user."""
        apart = f" (the text does not tell it from {', '.join(self.others)})" if self.others else ""
        return f"language detected: {self.language}{apart}"


def is_auto(language: str | None) -> bool:
    """Whether a language option asks for detection: `auto`, or `auto:en-gb,fr` with the candidates."""
    return language is not None and normal_tag(language).partition(":")[0] == AUTO


def candidates_of(language: str, default: Sequence[str]) -> tuple[str, ...]:
    """The tags an `auto` option names, else the default ones."""
    named = [tag.strip() for tag in language.partition(":")[2].split(",") if tag.strip()]
    return tuple(named or default)


def detect(text: str, candidates: Sequence[str]) -> Detected:
    """The candidate `text` is written in; of several regions of one language the first.

    Raises:
        UserError: unsure, or clearly another language; the message says how to name it.
    """
    roots = list(dict.fromkeys(root(tag) for tag in candidates))
    scores = _scores(text, tuple(sorted({*roots, *DETECTED})))
    if not scores:
        raise _unsure(text, candidates, "it has no letters to tell by")
    known = {name: scores[name] for name in roots if name in scores}
    best_of_all = max(scores, key=lambda name: scores[name])
    best = max(known, key=lambda name: known[name], default="")
    if not best or (best_of_all not in known and scores[best_of_all] - known[best] > STRANGER):
        raise _unsure(text, candidates, f"it looks like '{best_of_all}'")
    share = 1 / sum(math.exp(min(score - known[best], 0.0)) for score in known.values())
    if share < CONFIDENT:
        second = max((name for name in known if name != best), key=lambda name: known[name])
        raise _unsure(text, candidates, f"it may be '{best}' or '{second}'")
    same = [tag for tag in candidates if root(tag) == best]
    return Detected(language=same[0], share=share, others=tuple(same[1:]))


def detect_speakers(
    texts: Iterable[tuple[str, str]], candidates: Sequence[str]
) -> tuple[Mapping[str, str], Mapping[tuple[str, str], str]]:
    """Languages of many (speaker, text): one per speaker who has one, else one per text that is sure.

    A language is a speaker's if two thirds of the texts that are sure agree on it, so that short lines do not flip.
    """
    sure: dict[str, dict[str, str]] = {}
    for speaker, text in texts:
        of_speaker = sure.setdefault(speaker, {})
        try:
            of_speaker[text] = detect(text, candidates).language
        except UserError:
            continue
    speakers: dict[str, str] = {}
    lines: dict[tuple[str, str], str] = {}
    for speaker, found in sure.items():
        if not found:
            continue
        language, votes = Counter(found.values()).most_common(1)[0]
        if votes >= MAJORITY * len(found):
            speakers[speaker] = language
        else:
            lines.update({(speaker, text): tag for text, tag in found.items()})
    return speakers, lines


def _unsure(text: str, candidates: Sequence[str], why: str) -> UserError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return UserError(
        f"the language of {shown!r} is not clear: {why}. Name it: --language TAG, one of {', '.join(candidates)}"
    )


def _scores(text: str, roots: tuple[str, ...]) -> dict[str, float]:
    """Log probability by language; a script that one language has decides alone."""
    if not any(character.isalpha() for character in text):
        return {}
    letters = sum(character.isalpha() for character in text)
    if len(_HANGUL.findall(text)) * 2 > letters:
        return {"ko": 0.0}
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    if (kana + han) * 2 > letters:
        if kana:
            return {"ja": 0.0}
        return {name: score for name, score in _ranked(text, roots).items() if name in ("zh", "ja", "yue")}
    return _ranked(text, roots)


def _ranked(text: str, roots: tuple[str, ...]) -> dict[str, float]:
    known = _identifier(tuple(name for name in roots if name in _load().labels))
    return {name: float(score) for name, score in known.rank(text)}


@cache
def _load() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier  # read by those who detect only
    except ImportError:
        raise UserError(
            "the language is detected by py3langid, which is not installed. Install it with: "
            "pip install py3langid, or name the language: --language TAG"
        ) from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=False)


@cache
def _identifier(roots: tuple[str, ...]) -> Any:
    """The model, narrowed to these languages."""
    identifier = copy.copy(_load())
    identifier.set_languages(list(roots))
    return identifier
