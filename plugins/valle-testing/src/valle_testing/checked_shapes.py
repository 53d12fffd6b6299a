"""A pytest plugin (`-p valle_testing.checked_shapes`): the shapes in signatures are checked while a test runs.

Every function and dataclass of valle whose annotations name a shape is wrapped by jaxtyping and beartype when its
module is imported: a call with another type, dtype or shape raises `jaxtyping.TypeCheckError`. A test that passes wrong
shapes on purpose is marked `wrong_shapes`; the check of the suites that does, `refuses_what_does_not_fit`, needs no
mark. Not checked: what other processes run, modules that numba or Triton compiles, and tests of compilation (`compile`
in their names), as torch traces what is wrapped.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args, runtime_checkable

import jaxtyping
import pytest
from beartype import BeartypeConf, beartype

_COMPILED = re.compile(r"^\s*(import|from) (numba|triton)\b", re.MULTILINE)
_LEFT_OUT = re.compile("compile|refuses_what_does_not_fit")
_CONF = BeartypeConf(is_pep484_tower=True, is_random=False)
"""An int is a float, as for type checkers; the random state of Python is left alone."""


def check(function: Any) -> Any:
    """Wrap a function with beartype if it names a shape; jaxtyping calls this for each that it finds."""
    parts = [part for hint in function.__annotations__.values() for part in _parts(hint)]
    if not any(inspect.isclass(part) and issubclass(part, jaxtyping.AbstractArray) for part in parts):
        return function
    for part in parts:
        if getattr(part, "_is_protocol", False):
            runtime_checkable(part)  # in this process only; who implements one need not derive from it
    return beartype(function, conf=_CONF)


def _parts(hint: Any) -> list[Any]:
    return [hint, *(part for one in get_args(hint) for part in _parts(one))]


def modules() -> list[str]:
    """All modules of valle that are installed here, but for those whose functions numba or Triton compiles."""
    found = []
    for package in (module.name for module in iter_modules() if module.name.startswith("valle_")):
        spec = find_spec(package)
        for root in map(Path, spec.submodule_search_locations or () if spec else ()):
            found += [
                ".".join([package, *path.relative_to(root).with_suffix("").parts])
                for path in root.rglob("*.py")
                if path.stem != "__init__"  # its name would stand for all modules beside it
                if "templates" not in path.parts and not _COMPILED.search(path.read_text(encoding="utf-8"))
            ]
    return sorted(found)


def pytest_configure() -> None:
    """Nothing is checked while tests are collected: their modules may build what is wrong on purpose."""
    jaxtyping.config.update("jaxtyping_disable", True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """Check one test, with its fixtures."""
    off = item.get_closest_marker("wrong_shapes") is not None or _LEFT_OUT.search(item.name) is not None
    jaxtyping.config.update("jaxtyping_disable", off)
    try:
        return (yield)
    finally:
        jaxtyping.config.update("jaxtyping_disable", True)


jaxtyping.install_import_hook(modules(), "valle_testing.checked_shapes.check")
