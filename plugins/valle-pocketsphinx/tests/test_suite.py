"""The recognizer keeps the contract of its kind, with a closed list and in dictation."""

from __future__ import annotations

import pytest
import torch
from valle_pocketsphinx.options import PocketSphinxOptions
from valle_pocketsphinx.plugin import SPEC
from valle_pocketsphinx.recognizer import build

from valle_testing import suite
from valle_testing.suites.recognizer.speech import SPOKEN, built_in

CPU = torch.device("cpu")
SPEECH = [clip for clip in built_in() if clip.text in SPOKEN.values()]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    path = tmp_path_factory.mktemp("sentences") / "sentences.txt"
    path.write_text("\n".join([*SPOKEN.values(), "please close the window"]), encoding="utf-8")
    return path


QUICK = ("transcribes_to_the_end", "times_words_as_declared")
CHECKS = [check.__name__ for check in suite.checks_of("recognizer", SPEC)]


@pytest.mark.parametrize(
    "check", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CHECKS]
)
def test_it_conforms_with_a_closed_list(check, listed):
    def made():
        return build(PocketSphinxOptions(sentences=listed), device=CPU)

    (outcome,) = suite.run("recognizer", made, spec=SPEC, clips=SPEECH, only=(check,)).outcomes
    assert outcome.verdict == "passed", f"{outcome.found}\ncontract: {outcome.contract}"


@pytest.mark.slow
def test_it_conforms_in_dictation():
    report = suite.run("recognizer", lambda: build(PocketSphinxOptions(), device=CPU), spec=SPEC, clips=SPEECH)
    assert report.ok, report.table()
    assert report.count("skipped") == 0
