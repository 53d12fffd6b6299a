"""The words a run takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from valle_core.plugin import UserError

WORDS: Mapping[str, str] = {
    "status": "how far the run is",
    "save": "save a checkpoint after the present step",
    "quit": "save after the present step and stop; --resume goes on",
    "eval": "evaluate on held-out rows after the present step",
    "export": "save, and export the checkpoint to RUN/exports (needs valle-export)",
    "lr": "lr X: peak learning rate from the next step on",
    "help": "this list",
}
LONGEST = 200
"""Characters of a line."""

HIGHEST = 10.0
"""Of a learning rate; one that is typed by mistake (3e4) must not cost a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is said to a word.

    Attributes:
        text: one line for people (the list of words: several).
        ok: whether it was, or will be, obeyed.
        facts: for scripts, plain JSON.
    """

    text: str
    ok: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


Reply = Callable[[Answer], None]
"""Takes the answer to where the word came from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One word that was understood.

    Attributes:
        word: of `WORDS`.
        number: of `lr`.
        reply: called once.
    """

    word: str
    number: float = 0.0
    reply: Reply = lambda answer: None


def understood(line: str, reply: Reply) -> Request:
    """What a line asks for. Raises `UserError` for anything that is not one of `WORDS`, with its number."""
    if len(line) > LONGEST:
        raise UserError(f"a line must have at most {LONGEST} characters, got {len(line)}")
    word, *rest = line.split() or [""]
    word = word.lower()
    if word not in WORDS:
        near = difflib.get_close_matches(word, WORDS, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UserError(f"unknown word {word!a}.{hint} Words: {', '.join(WORDS)}")
    if word == "lr":
        return Request(word=word, number=_rate(rest), reply=reply)
    if rest:
        raise UserError(f"{word} stands alone, got {' '.join(rest)!a} behind it")
    return Request(word=word, reply=reply)


def _rate(rest: list[str]) -> float:
    if len(rest) != 1:
        raise UserError(f"lr takes one number, e.g. lr 3e-4, got {' '.join(rest)!a}")
    try:
        value = float(rest[0])
    except ValueError:
        raise UserError(f"lr takes a number, e.g. lr 3e-4, got {rest[0]!a}") from None
    if not 0 <= value <= HIGHEST:
        raise UserError(f"lr must be in [0, {HIGHEST:g}], got {value:g}")
    return value
