"""`valle compile`: done once, told, and refused by name where it cannot be; the first speech says that it is there."""

from __future__ import annotations

import pytest

from valle_core.plugin import CommandSpec, UserError
from valle_core.registry.registry import Registry
from valle_kit import compile_ahead, compiled_steps
from valle_kit.compile_ahead import SCHEMA, compile_step
from valle_kit.compiled_steps import CompiledSteps
from valle_testing.command import context_of

kernel = pytest.importorskip("valle_kit.stepping.kernel")


@pytest.fixture
def disk(monkeypatch):
    """What is on it: compiling adds "kept", unless the disk is "full"."""
    held: set[str] = set()
    monkeypatch.setattr(kernel, "is_kept", lambda: "kept" in held)
    monkeypatch.setattr(kernel, "compiled", lambda: None if "full" in held else held.add("kept"))
    return held


def test_it_is_done_once_and_told(disk):
    first, second = (compile_step(context_of(SCHEMA)) for _ in range(2))
    assert first.facts["compiled"]
    assert first.text.startswith("compiled in ")
    assert (second.text, second.facts) == (
        "the decoding step is compiled already",
        {"compiled": False, "seconds": 0.0},
    )


def test_where_it_cannot_be_kept_a_folder_is_to_be_named(disk):
    disk.add("full")
    with pytest.raises(UserError, match=r"cannot be kept: .* NUMBA_CACHE_DIR=FOLDER valle compile"):
        compile_step(context_of(SCHEMA))


def test_without_numba_it_names_it(monkeypatch):
    monkeypatch.setattr(compile_ahead, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="numba, which is not installed: pip install numba"):
        compile_step(context_of(SCHEMA))


def test_the_first_speech_names_a_command_that_there_is(disk, monkeypatch):
    class Steps(CompiledSteps):
        step_arch, plain, step_modules, listed_step = "any", frozenset(), list, None

    Steps.__abstractmethods__ = frozenset()
    monkeypatch.setattr(compiled_steps, "unmodified", lambda modules, plain: True)
    lines: list[str] = []
    for _ in range(2):
        Steps().make_ready(lines.append)
    assert len(lines) == 1, "the second time it is kept"
    assert "Next time: valle compile, after installing" in lines[0]
    assert isinstance(Registry.open().find("command", "compile").spec, CommandSpec)
