"""The recognizer keeps its contract where hama is installed; its alignment is right on made-up frames anywhere."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from valle_hama.forced import forced_path
from valle_hama.network import is_phone
from valle_hama.options import HamaOptions
from valle_hama.plugin import SPEC
from valle_hama.recognizer import build

from valle_core.plugin import UserError
from valle_testing import suite
from valle_testing.suites.recognizer.speech import SPOKEN, built_in

CPU = torch.device("cpu")
SPEECH = [clip for clip in built_in() if clip.text in SPOKEN.values()]
needs_hama = pytest.mark.skipif(find_spec("hama") is None, reason=f"needs hama: {SPEC.requires[0].hint}")


def made():
    return build(HamaOptions(), device=CPU)


@needs_hama
@pytest.mark.parametrize("check", [check.__name__ for check in suite.checks_of("recognizer", SPEC)])
def test_it_conforms(check):
    (outcome,) = suite.run("recognizer", made, spec=SPEC, clips=SPEECH, only=(check,)).outcomes
    assert outcome.verdict == "passed", f"{outcome.found}\ncontract: {outcome.contract}"


@needs_hama
def test_phonemes_of_speech_are_near_those_of_its_text():
    recognizer, clip = made(), SPEECH[1]
    wav = torch.from_numpy(clip.wav)[None]
    (found,) = recognizer.transcribe(wav, torch.tensor([wav.shape[1]]), languages=["en"])
    said = [phone for segment in found.segments for phone in segment.text.split()]
    expected = recognizer.pronounce(clip.text, "en")
    assert len(set(said) & set(expected)) >= 0.8 * len(set(expected))


@needs_hama
def test_a_text_is_pronounced_by_its_words_alone():
    pronounce = made().pronounce
    assert pronounce("two horses", "en") == pronounce(" Two — horses!? ", "en") != ()
    assert pronounce("2 horses", "en") == pronounce("two horses", "en")
    assert pronounce("…", "en") == ()
    assert made().identity().keys() == {"hama", "weights"}


def frames(*names):
    """Sure frames of a vocabulary of a, b and the blank `-`."""
    scores = np.full((len(names), 3), -9.0)
    scores[range(len(names)), ["ab-".index(name) for name in names]] = -0.1
    return scores


@pytest.mark.parametrize(
    ("said", "tokens", "wanted"),
    [
        ("--aa-b-", [0, 1], [(2, 4), (5, 6)]),
        ("ab", [0, 1], [(0, 1), (1, 2)]),
        ("-a-a-", [0, 0], [(1, 2), (3, 4)]),
        ("aa", [0, 0], None),
        ("a", [0, 1], None),
        ("", [0], None),
        ("aab", [], None),
    ],
)
def test_known_tokens_are_placed_on_the_likeliest_path(said, tokens, wanted):
    assert forced_path(frames(*said), tokens, blank=2) == wanted


@pytest.mark.parametrize(("token", "wanted"), [("ð", True), ("aɪ", True), ("t͡ʃ", True), ("⁵", False), (" ", False),
                                               ("ː", False), ("<wb>", False), ("", False)])  # fmt: skip
def test_a_mark_is_no_phone(token, wanted):
    assert is_phone(token) is wanted


@pytest.mark.parametrize("wrong", [{"pause": 0.0}, {"pause": 11.0}, {"silence": 1.0}, {"silence": float("nan")}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=r"recognizer\.(pause|silence) must be in \["):
        HamaOptions(**wrong)
