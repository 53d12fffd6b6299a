"""The recognizer `whisper-tiny` keeps its contract where its packages are installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from valle_whisper.plugin import TINY
from valle_whisper.tiny import build
from valle_whisper.tiny_options import TinyOptions

from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.recognizer.speech import SPOKEN, built_in

CPU = torch.device("cpu")
SPEECH = [clip for clip in built_in() if clip.text in SPOKEN.values()]
LACKING = [one.module for one in TINY.requires if find_spec(one.module) is None]
needs_weights = pytest.mark.skipif(bool(LACKING), reason=f"needs {', '.join(LACKING)}: {TINY.requires[0].hint}")


def made():
    return build(TinyOptions(), device=CPU)


@needs_weights
@pytest.mark.parametrize("check", [check.__name__ for check in suite.checks_of("recognizer", TINY)])
def test_it_conforms(check):
    (outcome,) = suite.run("recognizer", made, spec=TINY, clips=SPEECH, only=(check,)).outcomes
    assert outcome.verdict in ("passed", "skipped"), f"{outcome.found}\ncontract: {outcome.contract}"
    aligns = "align" in check or "refuses_what" in check
    assert outcome.verdict == "passed" or aligns, outcome.found


@needs_weights
def test_it_recognizes_english_words():
    clip = SPEECH[1]
    wav = torch.from_numpy(clip.wav)[None]
    (found,) = made().transcribe(wav, torch.tensor([wav.shape[1]]), languages=["en"])
    assert {"two", "horses", "along", "the", "beach"} <= set(found.text.lower().strip(".").split())
    assert made().identity()["weights"] != ""


@pytest.mark.parametrize("wrong", [{"beams": 0}, {"threads": 0}, {"silence": 3.0}, {"no_speech": 2.0},
                                   {"logprob": 1.0}, {"compression": -1.0}])  # fmt: skip
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=rf"recognizer\.{next(iter(wrong))} must be in \["):
        TinyOptions(**wrong)
