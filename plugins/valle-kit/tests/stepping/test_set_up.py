"""What compiles the decoding step when an environment is made, so that the first speech does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from valle_kit.stepping import __main__ as set_up
from valle_kit.stepping import kernel


@pytest.mark.parametrize("kept", [False, True])
def test_the_step_is_compiled_and_it_is_told_where_that_takes_seconds(kept, monkeypatch, capsys):
    made = []
    monkeypatch.setattr(kernel, "is_kept", lambda: kept)
    monkeypatch.setattr(kernel, "compiled", lambda: made.append(True))
    set_up.main()
    assert made == [True]
    assert ("compiling the decoding step" in capsys.readouterr().out) == (not kept)


def test_without_numba_there_is_nothing_to_compile(monkeypatch):
    monkeypatch.setattr(set_up, "find_spec", lambda name: None)
    monkeypatch.setattr(kernel, "compiled", lambda: pytest.fail("compiled"))
    set_up.main()


def test_making_an_environment_does_so():
    recipe = (Path(__file__).parents[4] / "Makefile").read_text(encoding="utf-8")
    _, _, rest = recipe.partition("define environment\n")
    assert "/bin/python -m valle_kit.stepping\n" in rest.partition("endef")[0]
