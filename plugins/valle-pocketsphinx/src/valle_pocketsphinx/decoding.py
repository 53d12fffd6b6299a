"""pocketsphinx itself: a fresh decoder per sound, because a used one starts from where the last sound left it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pocketsphinx

from valle_core.plugin import UserError
from valle_language.recognition import TimedWord

_FRAMES = 100  # per second
_SCALE = 1024.0  # pocketsphinx keeps acoustic log-likelihoods divided by 2¹⁰
_WIDE = 1e-120
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+|\(NULL\)")
_ALTERNATIVE = re.compile(r"\(\d+\)$")


def decoder(*, dictation: bool = False) -> Any:
    """With the general language model for dictation, else with none; nothing of an earlier sound is in it."""
    return _decoder(**({"lm": str(_models() / "en-us.lm.bin")} if dictation else {"lm": None}))


def aligner(text: str) -> Any:
    """For one known text, whose words may be said in any way: beams so wide that hardly a path is given up.

    With the usual ones (1e-48) the end of 3 of 47 synthetic utterances was not reached.
    """
    engine = _decoder(lm=None, bestpath=False, beam=_WIDE, pbeam=_WIDE, wbeam=_WIDE)
    engine.set_align_text(text)
    return engine


def _models() -> Path:
    return Path(pocketsphinx.get_model_path("en-us"))


def _decoder(**changes: Any) -> Any:
    return pocketsphinx.Decoder(
        hmm=str(_models() / "en-us"),
        dict=str(_models() / "cmudict-en-us.dict"),
        samprate=16_000,
        cmn="batch",  # "live" would carry a mean from one sound to the next
        loglevel="FATAL",
        **changes,
    )


def run(engine: Any, pcm: bytes) -> None:
    """Decode one sound, whole."""
    engine.start_utt()
    engine.process_raw(pcm, full_utt=True)
    engine.end_utt()


def words(engine: Any, *, start: float, end: float, sure: bool = False) -> list[TimedWord]:
    """What it recognized, later by `start` seconds, not behind `end`; with probabilities where they mean something."""
    found = []
    for one in engine.seg() or ():
        if _FILLER.fullmatch(one.word):
            continue
        first, last = start + one.start_frame / _FRAMES, start + (one.end_frame + 1) / _FRAMES
        found.append(
            TimedWord(
                text=_ALTERNATIVE.sub("", one.word),
                start=min(first, end),
                end=min(last, end),
                probability=min(max(float(one.prob), 0.0), 1.0) if sure else None,
            )
        )
    return found


def fit(engine: Any, pcm: bytes) -> float:
    """Log-likelihood per second of what it recognized against sounds chosen freely, ≤ 0; −inf for nothing."""
    found = engine.hyp()
    if found is None:
        return -math.inf
    return _SCALE * math.log(max(found.score, 1e-300)) / (len(pcm) / 2 / 16_000)


class Dictionary:
    """The words it knows."""

    def __init__(self) -> None:
        self._engine: Any = None

    def __contains__(self, word: str) -> bool:
        if self._engine is None:
            self._engine = decoder()
        return self._engine.lookup_word(word) is not None


def grammar(lines: Iterator[str]) -> str:
    """A JSGF grammar of one sentence of these."""
    return f"#JSGF V1.0;\ngrammar closed;\npublic <sentence> = {' | '.join(lines)};\n"


def with_grammar(text: str) -> Any:
    """A decoder of what the grammar allows. Raises `UserError` where it cannot be read."""
    engine = decoder()
    try:
        engine.add_jsgf_string("closed", text)
        engine.activate_search("closed")
    except (RuntimeError, ValueError) as error:
        raise UserError(
            "the grammar cannot be used: it needs '#JSGF V1.0;', 'grammar NAME;', one public rule, and words that "
            "pocketsphinx's dictionary has"
        ) from error
    return engine
