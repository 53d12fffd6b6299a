"""What `auto` chooses, that it says so once with its reasons, and that what it measured is kept and checked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.auto_attention import kernel as auto
from valle_kit.auto_attention.candidates import Candidate, candidates
from valle_kit.auto_attention.kept import place, read, write
from valle_kit.auto_attention.options import AutoOptions
from valle_kit.auto_attention.plugin import SPEC
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.attention import checks as attention

MASK = SequenceMask.causal(torch.tensor([3]))
Q = torch.zeros(1, 1, 3, 8)


class Raising:
    def __init__(self, error):
        self.error = error

    def __call__(self, *given, **how):
        raise self.error


BAD = {
    "picky": Raising(UserError("attention 'picky' takes nothing. Try: --attention sdpa")),
    "broken": Raising(RuntimeError("out of memory\nmore")),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def made(monkeypatch, *names: str, measure: bool = False):
    lines: list[str] = []
    kernels = [Candidate(name, BAD.get(name) or RuleKernel()) for name in names]
    monkeypatch.setattr(auto, "candidates", lambda device, dtype: (kernels, {"cudnn": f"does not run on {device}"}))
    return auto.AutoKernel(AutoOptions(measure=measure), say=lines.append), lines


def test_the_first_that_can_is_taken_and_it_says_so_once(monkeypatch):
    kernel, lines = made(monkeypatch, "picky", "one", "two")
    for _ in range(3):
        kernel(Q, Q, Q, MASK)
    assert lines == [
        "attention auto: one for cpu, float32, heads of 8, up to 4 keys, causal, whole rows. Passed over: "
        "cudnn (does not run on cpu); picky (attention 'picky' takes nothing); two (comes later)"
    ]


@pytest.mark.parametrize("measure", [False, True])
def test_one_that_fails_is_passed_over_with_its_reason(monkeypatch, measure):
    kernel, lines = made(monkeypatch, "broken", "one", measure=measure)
    assert torch.equal(kernel(Q, Q, Q, MASK), Q)
    assert "auto: one for" in lines[0]
    assert "broken (failed: RuntimeError: out of memory more)" in lines[0]


def test_another_situation_is_another_choice(monkeypatch):
    kernel, lines = made(monkeypatch, "one")
    kernel(Q, Q, Q, MASK)
    kernel(Q, Q, Q, SequenceMask.full(torch.tensor([3])))
    kernel(Q[:, :, :1], Q, Q, replace(MASK, query_start=torch.tensor([2])))
    kernel(Q.clone().requires_grad_(), Q, Q, MASK)
    assert len(lines) == 4


def test_none_that_can_is_one_line(monkeypatch):
    with pytest.raises(UserError, match=r"'auto' finds no kernel for cpu, .*: cudnn \(does not run on cpu\); picky"):
        made(monkeypatch, "picky")[0](Q, Q, Q, MASK)


def test_the_fastest_is_taken_and_kept(monkeypatch):
    kernel, lines = made(monkeypatch, "one", "two", "picky", measure=True)
    monkeypatch.setattr(auto, "_timed", lambda one, *given: {"one": 3.0, "two": 2.0}[one.name])
    kernel(Q, Q, Q, MASK)
    assert "auto: two for" in lines[0]
    assert "one (takes 1.50 times as long)" in lines[0]
    monkeypatch.setattr(auto, "_timed", lambda *given: pytest.fail("measured again"))
    again, repeated = made(monkeypatch, "one", "two", "picky", measure=True)
    again(Q, Q, Q, MASK)
    assert repeated == lines


def test_a_kernel_installed_since_is_measured_with_the_others(monkeypatch):
    times = {"one": 3.0, "two": 2.0, "new": 1.0}
    monkeypatch.setattr(auto, "_timed", lambda one, *given: times[one.name])
    made(monkeypatch, "one", "two", measure=True)[0](Q, Q, Q, MASK)
    kernel, lines = made(monkeypatch, "one", "two", "new", measure=True)
    kernel(Q, Q, Q, MASK)
    assert "auto: new for" in lines[0]


DAMAGED = ["", "[]", "{", '{"format": 9}', '{"format": 1, "took": []}', "[" * 99999]
WRONG = ['"y"', "NaN", "-1", "true", "null"]


@pytest.mark.parametrize("content", [*DAMAGED, *(f'{{"format": 1, "took": {{"x": {{"one": {x}}}}}}}' for x in WRONG)])
def test_a_file_that_is_not_what_was_written_is_as_none(content):
    place().parent.mkdir(parents=True)
    place().write_text(content)
    assert read(place()) == {}


def test_what_is_kept_is_json_of_numbers(tmp_path):
    write(place(), {"x": {"one": 1.5}})
    assert json.loads(place().read_text()) == {"format": 1, "took": {"x": {"one": 1.5}}}
    assert read(place()) == {"x": {"one": 1.5}}
    (tmp_path / "file").write_text("")
    write(tmp_path / "file" / "below", {"x": {"one": 1.5}})


def test_installed_kernels_are_asked_in_the_order_preferred():
    found, out = candidates("cpu", torch.float32)
    names = [one.name for one in found]
    assert names[:2] in (["cpu", "sdpa"], ["sdpa", *names[1:2]])
    assert names[-1] == "eager"
    assert "auto" not in names
    assert out["cudnn"] == "does not run on cpu"
    if "flex" in names:
        assert out["flex_attention"] == "is another name of flex"


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_suite(check):
    check(auto.AutoKernel(AutoOptions(), say=lambda line: None), SPEC.capabilities)
