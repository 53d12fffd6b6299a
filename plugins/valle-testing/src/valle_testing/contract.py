"""Ties a check to the sentence of the contract it enforces, so that a failure can quote it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec
from unittest import SkipTest

from valle_core.plugin import UserError

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of a docstring in `valle_core.interfaces` or `valle_core.types`.

    Attributes:
        owner: class or method whose docstring says it, e.g. `"Codec.encode"`.
        words: as they stand there (line breaks aside).
    """

    owner: str
    words: str

    def __str__(self) -> str:
        return f"{self.owner}: “{self.words}”"


def contract(owner: str, words: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Decorates a check: what it raises carries the sentence as a note, and `sentence_of` gives it."""
    sentence = Sentence(owner, words)

    def tie(check: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(check)
        def tied(*given: P.args, **how: P.kwargs) -> None:
            try:
                check(*given, **how)
            except AssertionError as error:
                error.add_note(f"contract: {sentence}")
                raise

        vars(tied)["contract"] = sentence
        return tied

    return tie


MIXED_UP = ("is not on the expected device", "to be on the same device")
"""What torch says when tensors of two devices meet."""


@contextmanager
def without_data() -> Iterator[None]:
    """For work on the device `meta`, which tensors of another device do not fit.

    Raises `AssertionError` where two devices meet, `SkipTest` where the work needs data or refuses the device.
    """
    try:
        yield
    except UserError as error:
        raise SkipTest(f"it refuses the device meta: {error}") from error
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        if any(words in reason for words in MIXED_UP):
            raise AssertionError(f"tensors of two devices meet: {reason}") from error
        raise SkipTest(f"it cannot run without data: {reason}") from error


def sentence_of(check: Callable[..., None]) -> str:
    """What a check enforces: its sentence of the contract, else the first line of its docstring."""
    sentence = vars(check).get("contract")
    return str(sentence) if sentence else (check.__doc__ or "").strip().partition("\n")[0]
