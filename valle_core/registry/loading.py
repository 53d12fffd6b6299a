"""Imports what a plugin's strings name, so that nothing it does on import can hurt the caller."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import sys

from valle_core.registry.guard import Refused, guarded


class LoadError(Exception):
    """An import failed; the message is one line that says how."""


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
    except (KeyboardInterrupt, Refused):
        raise
    except BaseException as error:
        raise LoadError(one_line(error)) from error
    return target


def load_spec(reference: str) -> object:
    """As `load`, for spec modules, which may do no more than define specs (see `valle_core.registry.guard`)."""
    target: object = None
    with guarded() as guard:
        try:
            target = load(reference)
        except (LoadError, Refused):
            if not guard.refused:
                raise
        except KeyboardInterrupt as error:
            if guard.interrupted or not guard.watching:
                raise
            raise LoadError(f"importing {reference.partition(':')[0]} raised KeyboardInterrupt") from error
    if guard.refused:
        raise LoadError(guard.refused)
    return target


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
    except Exception:  # a finder of others may raise anything
        return None


def one_line(error: BaseException) -> str:
    """`TypeName: message`, folded into one line of bounded length."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
