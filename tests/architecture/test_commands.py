"""Commands say what is done and leave the doing to libraries: their functions are short."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

import pytest

from valle_core.plugin import CommandSpec
from valle_core.registry.loading import load
from valle_core.registry.registry import Registry

LONGEST = 25
NAMES = Registry.open(environ={}, safe=True).names("command")


def length(function: Callable) -> int:
    """Lines of its body, without the docstring and the imports that are made late so that `--help` stays quick."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef)
    statements = tree.body[1:] if ast.get_docstring(tree) else tree.body
    kept = [one for one in statements if not isinstance(one, ast.Import | ast.ImportFrom)]
    return sum(one.end_lineno - one.lineno + 1 for one in kept if one.end_lineno)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_is_no_longer_than_twenty_five_lines_and_explains_itself(name):
    spec = Registry.open(environ={}, safe=True).find("command", name).spec
    assert isinstance(spec, CommandSpec)
    run = load(spec.run)
    assert inspect.isfunction(run)
    assert run.__doc__
    assert length(run) <= LONGEST, f"{spec.run} has {length(run)} lines"


def test_lines_are_counted_without_docstring_and_imports():
    def long(context):
        """Two
        lines."""
        from pathlib import Path

        if context:
            return Path()
        return None

    assert length(long) == 3
    assert len(NAMES) > 20
