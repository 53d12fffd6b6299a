"""Imports what a plugin's strings name, so that nothing it does on import can hurt the caller."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import sys
from collections.abc import Iterator

HEAVY = frozenset({"torch"})
"""A spec module that imports one of these would slow down every listing; it is refused instead."""


class LoadError(Exception):
    """An import failed; the message is one line that says how."""


class _RefuseHeavy:
    """A finder in front of all others while specs are imported."""

    def __init__(self) -> None:
        self.asked: str | None = None

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname in HEAVY:
            self.asked = fullname
            raise ImportError(f"a spec module must not import {fullname}", name=fullname)


def load(reference: str) -> object:
    """The object `"module:attribute"` names; raises `LoadError` whatever goes wrong, `sys.exit` included.

    What the module prints to stdout while it is imported is dropped, so that `--json` stays readable.
    """
    module, colon, attribute = reference.partition(":")
    if not (colon and module and attribute):
        raise LoadError(f"'{reference}' is not of the form 'module:attribute'")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            target: object = importlib.import_module(module)
            for part in attribute.split("."):
                target = getattr(target, part)
    except SystemExit as error:
        raise LoadError(f"importing {module} called sys.exit({error.code!r})") from error
    except Exception as error:
        raise LoadError(one_line(error)) from error
    return target


def load_spec(reference: str) -> object:
    """As `load`, for spec modules: they must not import torch."""
    target: object = None
    with _without_heavy() as guard:
        try:
            target = load(reference)
        except LoadError:
            if guard.asked is None:
                raise
    if guard.asked is not None:
        raise LoadError(f"its spec module imports {guard.asked}, which would slow every listing")
    return target


@contextlib.contextmanager
def _without_heavy() -> Iterator[_RefuseHeavy]:
    guard = _RefuseHeavy()
    sys.meta_path.insert(0, guard)  # type: ignore[arg-type]
    try:
        yield guard
    finally:
        sys.meta_path.remove(guard)  # type: ignore[arg-type]


def is_importable(module: str) -> bool:
    """Whether a (dotted) module can be found; imports neither it nor its parents."""
    parts = module.split(".")
    if parts[0] in sys.modules and len(parts) == 1:
        return sys.modules[parts[0]] is not None
    search: list[str] | None = None
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        found = _find(name, search)
        if found is None:
            return False
        search = list(found.submodule_search_locations or ())
    return True


def _find(name: str, search: list[str] | None) -> importlib.machinery.ModuleSpec | None:
    try:
        if search is None:
            return importlib.util.find_spec(name)
        return importlib.machinery.PathFinder.find_spec(name, search)
    except (ImportError, ValueError, AttributeError):
        return None


def one_line(error: BaseException) -> str:
    """`TypeName: message`, folded into one line of bounded length."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
