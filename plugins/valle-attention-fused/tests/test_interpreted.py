"""Every mask form in the interpreter, forward and backward, against the rule in float64."""

from __future__ import annotations

import pytest
import torch
from valle_attention_fused import kernel
from valle_attention_fused.options import FusedOptions
from valle_attention_fused.plugin import FUSED

from valle_testing import suite
from valle_testing.suites.attention import cases, checks, rule, shapes

pytestmark = pytest.mark.usefixtures("unchecked_integers")

SLOW = {
    checks.equals_the_rule,
    shapes.equals_the_rule_on_long_rows,
    shapes.takes_any_heads_and_widths,
    shapes.keeps_nan_out,
}
"""Checks of the suite that take 5 to 25 s here; what stands below does a part of each."""

CASES = {case.name: case for case in cases.cases() if case.needs <= FUSED.capabilities}
LONG = {case.name: case for case in shapes.long_cases("cpu")}
BEHIND_A_PREFIX = [case for case in shapes.window_cases("cpu") if case.name.endswith("behind a prefix")]

test_it_conforms = pytest.mark.slow(
    suite.conformance("attention", kernel.build(FusedOptions()), FUSED.capabilities, spec=FUSED)
)


@pytest.fixture
def fused():
    return kernel.build(FusedOptions())


@pytest.mark.parametrize("check", [c for c in checks.CHECKS if c not in SLOW], ids=lambda check: check.__name__)
def test_it_passes_the_suite(check, fused):
    check(fused, FUSED.capabilities)


@pytest.mark.parametrize("case", [*CASES.values(), *BEHIND_A_PREFIX], ids=lambda case: case.name)
def test_every_mask_form_equals_the_rule_forward_and_backward(case, fused):
    rule.compare(fused, case, cases.inputs_for(case, 1, heads=2))


LONG_FORMS = ("prefix, 257 long", "window behind a prefix, 257 long", "packed, 257 long")


@pytest.mark.parametrize("name", LONG_FORMS)
def test_rows_of_several_tiles_equal_the_rule(name, fused):
    rule.compare(fused, LONG[name], cases.inputs_for(LONG[name], 1, heads=1))


@pytest.mark.parametrize("name", ["step, 300 long", "chunk, 257 long"])
def test_keys_are_split_and_merged(name, fused):
    rule.compare(fused, LONG[name], cases.inputs_for(LONG[name], 1, heads=1), gradients=False)


@pytest.mark.parametrize(
    ("name", "heads", "key_heads", "width"),
    [("causal", 5, 1, 40), ("prefix", 6, 2, 16), ("packed", 3, 1, 80), ("full", 1, 1, 96), ("chunk", 8, 1, 8)],
)
def test_heads_and_widths(name, heads, key_heads, width, fused):
    rule.compare(fused, CASES[name], cases.inputs_for(CASES[name], key_heads, heads=heads, width=width))


@pytest.mark.parametrize("scale", [0.0, 0.7, -0.7])
def test_any_scale(scale, fused):
    rule.compare(fused, CASES["prefix"], cases.inputs_for(CASES["prefix"], 1, heads=1), scale=scale)


@pytest.mark.parametrize("name", ["causal", "chunk", "prefix", "packed"])
def test_nan_outside_what_is_seen_stays_there(name, fused, monkeypatch):
    inputs = cases.inputs_for(CASES[name], 1, heads=1)
    monkeypatch.setattr(shapes, "declared", lambda *_, **__: [(CASES[name], inputs)])
    shapes.keeps_nan_out(fused, FUSED.capabilities)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", ["prefix", "packed", "step"])
def test_in_16_bits(dtype, name, fused):
    rule.compare(fused, CASES[name], cases.inputs_for(CASES[name], 1, heads=2, dtype=dtype))
