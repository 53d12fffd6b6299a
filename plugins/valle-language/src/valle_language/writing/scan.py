"""Applying rules to a text, one after another, so that a later one sees only what is left."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache

Step = tuple[str, Callable[[re.Match[str]], str]]
"""A pattern and what is written for its match."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def write_all(text: str, steps: Sequence[Step]) -> str:
    """The text after every step."""
    for pattern, written in steps:
        text = _compiled(pattern).sub(written, text)
    return text


VULGAR = "(?P<whole>[0-9]?)(?P<sign>[¼½¾⅐-⅞↉])"
"""A fraction in one character, perhaps behind a whole number."""


def vulgar(found: re.Match[str]) -> str:
    """`2½` → `2 1⁄2`, apart from a digit behind it."""
    after = " " if found.string[found.end() : found.end() + 1].isdigit() else ""
    return found["whole"] + (" " if found["whole"] else "") + unicodedata.normalize("NFKC", found["sign"]) + after
