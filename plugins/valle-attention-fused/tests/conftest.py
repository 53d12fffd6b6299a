"""The kernels in Triton's interpreter, for the tests of this folder and no others.

Triton decides at each `@triton.jit` whether a kernel is interpreted. So the variable is set only while our kernels are
imported; Triton itself was imported before, and what else is compiled in this process is none of it.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

if find_spec("triton") is None:  # it is published for Linux alone
    collect_ignore_glob = ["test_*.py"]
else:
    import triton.runtime.interpreter
    import valle_attention_fused.plugin

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(valle_attention_fused.plugin.INTERPRETER, "1")
        import valle_attention_fused.operators


@pytest.fixture
def unchecked_integers(monkeypatch):
    """Without the interpreter's check that no integer overflows, which takes a third of its time."""
    builder = triton.runtime.interpreter.interpreter_builder
    monkeypatch.setattr(builder, "options", replace(builder.options, sanitize_overflow=False))
