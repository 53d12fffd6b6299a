"""What is said of a file of a dataset that cannot be used, and what repairs it."""

from __future__ import annotations

from pathlib import Path

from valle_core.plugin import UserError

REPAIR = "Run the same `valle prepare` with --repair"
"""Reads every record and makes anew what is missing or damaged, the index and `dataset.json` included."""


class Damaged(UserError):
    """A file of a dataset is missing, damaged or not where it may be."""


def damaged(path: Path, error: Exception) -> Damaged:
    """The refusal of a file, with its reason on one line."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror.lower()
    else:
        reason = " ".join(str(error).split()) or type(error).__name__
    return Damaged(f"'{path}' is missing or damaged ({reason}). {REPAIR}")
