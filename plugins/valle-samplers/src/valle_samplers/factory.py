"""Builds a sampler: the options are the sampler."""

from __future__ import annotations

from typing import TypeVar

S = TypeVar("S")


def as_given(options: S) -> S:
    """A sampler is a frozen dataclass whose fields are its options, so it is already built."""
    return options
