"""One installed package with a broken entry_points.txt must not keep torch, pydantic or numba from being imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

UNASKED = {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "PYDANTIC_DISABLE_PLUGINS": "1"}
"""Keeps two libraries from reading the metadata of every package, in data workers too. Nothing here uses what they
find: devices are those of torch itself, options are ours."""


@contextmanager
def tolerated() -> Iterator[None]:
    """While inside, a package whose entry points cannot be read counts as one without any, and is named once.

    `importlib.metadata.entry_points` otherwise raises for all packages because of one.
    """
    for name, value in UNASKED.items():
        os.environ.setdefault(name, value)
    plain = metadata.Distribution.entry_points
    named: set[str] = set()

    def entry_points(self: metadata.Distribution) -> metadata.EntryPoints:
        try:
            return plain.fget(self)  # type: ignore[attr-defined, no-any-return]
        except Exception:
            who = f"{self.metadata['Name'] or '?'} {self.version}"
            if who not in named:
                named.add(who)
                print(
                    f"warning: the entry_points.txt of {who} is not valid, so that package is left out. "
                    "Install it again, or uninstall it",
                    file=sys.stderr,
                )
            return metadata.EntryPoints()

    metadata.Distribution.entry_points = property(entry_points)  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        metadata.Distribution.entry_points = plain  # type: ignore[method-assign]
