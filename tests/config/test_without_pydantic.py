"""Text, paths, words and booleans of the command line are read without pydantic, to the same values."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pytest

from valle_core.config.schema import Setting
from valle_core.config.values import validated
from valle_core.plugin import UserError

Short = Annotated[str, pydantic.Field(max_length=2)]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, "12"), (str | None, ""), (Path, "a/../b"), (Path | None, ""), (bool, True), (Literal["a", "b"], "b"),
        (tuple[str, ...], ["x", "y"]), (tuple[str, ...], "x"), (tuple[str, ...], []),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_pydantic_would_make_of_it(hint, value, monkeypatch):
    given = [value] if isinstance(value, str) and hint == tuple[str, ...] else value
    wanted = pydantic.TypeAdapter(hint).validate_python(given)
    monkeypatch.delattr(pydantic, "TypeAdapter")
    found = validated(Setting(("x",), value, "--x", text=True), hint)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("hint", "value"),
    [(Short, "long"), (Short | None, "long"), (Literal["a"], "b"), (Literal[1, 2], "3"), (int, "x"), (str, 3)],
)
def test_what_is_not_plain_is_still_checked(hint: Any, value: Any):
    with pytest.raises(UserError, match="expected"):
        validated(Setting(("x",), value, "--x"), hint)


def test_reading_a_simple_command_line_imports_neither_pydantic_nor_yaml():
    code = (
        "import sys; from valle_core.config import layer, resolve, values\n"
        "assert not {'yaml', 'pydantic', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
