"""Every kernel through the real compiler for compute capability 9.0, which takes no GPU: registers, shared memory."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

SPEC = importlib.util.spec_from_file_location("ahead_of_time", Path(__file__).with_name("ahead_of_time.py"))
SHARED = 232_448
"""Bytes of shared memory that a block may have there."""

SPILLED, SPILLED_IN_SINGLE = 320, 1536
"""Bytes a thread may spill, in 16 bits and in float32, which is for checking, and slow where heads are wide."""

TYPES = (torch.bfloat16, torch.float16, torch.float32)
NAMES = ("forward", "query_gradient", "key_gradient", "decode")
FORMS = {"PACKED": True, "WINDOW": True, "SOFTCAP": True, "GROUP": 4}


@pytest.fixture
def ahead(monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    assert SPEC is not None
    assert SPEC.loader is not None
    module = importlib.util.module_from_spec(SPEC)
    monkeypatch.setitem(sys.modules, "ahead_of_time", module)  # its dataclass looks itself up
    SPEC.loader.exec_module(module)
    for part in (module.forward, module.backward):  # what kernels call was made for the interpreter, as they were
        monkeypatch.setattr(part, "locate", module.triton.JITFunction(part.locate.fn))
    return module


def holds(found, name, dtype, width, record_property):
    record_property("compiled", f"{name}: {found.registers} registers, {found.spilled} spilled, {found.shared} shared")
    assert found.shared <= SHARED
    assert found.spilled <= (SPILLED_IN_SINGLE if dtype == torch.float32 else SPILLED)
    if name != "decode" and dtype != torch.float32:
        assert "wgmma" in found.ptx, "without the matrix units of the ninth generation"


@pytest.mark.slow
@pytest.mark.parametrize("width", [16, 64, 80, 96, 128, 256])
@pytest.mark.parametrize("name", NAMES)
def test_every_head_width_compiles(name, width, ahead, tmp_path, record_property):
    holds(ahead.compiled(name, torch.bfloat16, width, tmp_path), name, torch.bfloat16, width, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 128, 256])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_compiles(name, dtype, width, ahead, tmp_path, record_property):
    holds(ahead.compiled(name, dtype, width, tmp_path), name, dtype, width, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_every_mask_form_compiles(name, form, width, ahead, tmp_path, record_property):
    if (name, form) == ("decode", "PACKED"):
        pytest.skip("packed rows are no steps")
    found = ahead.compiled(name, torch.bfloat16, width, tmp_path, **{form: FORMS[form]})
    holds(found, name, torch.bfloat16, width, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("splits", [1, 67])
def test_a_step_of_many_queries_compiles(splits, ahead, tmp_path, record_property):
    found = ahead.compiled("decode", torch.bfloat16, 128, tmp_path, M=64, SPLITS=splits)
    holds(found, "decode", torch.bfloat16, 128, record_property)


def test_the_parts_of_a_step_are_merged_by_a_kernel_that_compiles(ahead, tmp_path):
    assert ahead.merging(torch.bfloat16, 128, tmp_path).spilled == 0
