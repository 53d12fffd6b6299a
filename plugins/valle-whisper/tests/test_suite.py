"""A random one keeps the contract of its kind, as `valle plugins check whisper` tries it (a trained one: digits)."""

from __future__ import annotations

import pytest
import torch
from valle_whisper.options import WhisperOptions
from valle_whisper.plugin import SPEC
from valle_whisper.recognizer import build

from valle_testing import suite

CPU = torch.device("cpu")


def made():
    return build(WhisperOptions(weights="random"), device=CPU)


@pytest.mark.slow
def test_a_random_one_conforms():
    report = suite.run("recognizer", made, spec=SPEC)
    assert report.ok, report.table()
    assert report.count("skipped") == 0


@pytest.mark.parametrize("check", ["states_its_facts", "transcribes_speech", "detects_only_where_declared"])
def test_a_random_one_passes(check):
    (outcome,) = suite.run("recognizer", made, spec=SPEC, only=(check,)).outcomes
    assert outcome.verdict == "passed", outcome.found
