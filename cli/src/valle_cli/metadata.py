"""One installed package with a broken entry_points.txt must not keep torch, pydantic or numba from being imported."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

UNASKED = {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "PYDANTIC_DISABLE_PLUGINS": "1"}
"""Keeps two libraries from reading the metadata of every package, in data workers too. Nothing here uses what they
find: devices are those of torch itself, options are ours."""

READER = "importlib.metadata"


@contextmanager
def tolerated() -> Iterator[None]:
    """While inside, a package whose entry points cannot be read counts as one without any, and is named once.

    `importlib.metadata.entry_points` otherwise raises for all packages because of one. Quick commands never import
    that module, so it is changed only once somebody does.
    """
    for name, value in UNASKED.items():
        os.environ.setdefault(name, value)
    with ExitStack() as inside:
        if READER in sys.modules:
            inside.enter_context(_patient(sys.modules[READER]))
        else:
            awaiting = _Awaiting(inside)
            sys.meta_path.insert(0, awaiting)  # type: ignore[arg-type]
            inside.callback(awaiting.leave)
        yield


class _Awaiting:
    """A finder in front of all others that changes the module when it is first imported."""

    def __init__(self, inside: ExitStack) -> None:
        self._inside = inside

    def leave(self) -> None:
        """Find nothing any more."""
        with suppress(ValueError):
            sys.meta_path.remove(self)  # type: ignore[arg-type]

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        """See `importlib.abc.MetaPathFinder`."""
        if fullname != READER:
            return None
        self.leave()
        spec: Any = importlib.util.find_spec(fullname)
        plain = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            plain(module)
            self._inside.enter_context(_patient(module))

        spec.loader.exec_module = exec_module
        return spec


@contextmanager
def _patient(metadata: Any) -> Iterator[None]:
    plain = metadata.Distribution.entry_points
    named: set[str] = set()

    def entry_points(self: Any) -> Any:
        try:
            return plain.fget(self)
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

    metadata.Distribution.entry_points = property(entry_points)
    try:
        yield
    finally:
        metadata.Distribution.entry_points = plain
