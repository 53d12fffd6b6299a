"""What cannot be speech of its text is left out with a reason and a count, and real speech is not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.audio.reading import MAX_PEAK
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plausibility import TooFast, TooSlow, check_rate, letters
from valle_data.testing import run
from valle_testing.fakes.audio import tone_speech

RATE = 16_000
VOICE = tone_speech("abcdefgh" * 4)  # 1.92 s


def add(folder, name, wav=VOICE, text="good morning", rate=RATE, subtype="FLOAT"):
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.wav", wav, rate, subtype=subtype)
    (folder / f"{name}.txt").write_text(text)


def test_each_kind_has_its_reason_and_count(tmp_path):
    speaker = tmp_path / "c" / "s"
    add(speaker, "good")
    add(speaker, "a-hot", VOICE * 20_000)
    add(speaker, "b-phase", np.stack([VOICE, -VOICE], 1))
    add(speaker, "c-dead", np.stack([VOICE, 0 * VOICE], 1))
    add(speaker, "d-silence", 0 * VOICE)
    add(speaker, "e-offset", np.full_like(VOICE, 0.5))
    add(speaker, "f-clipped", np.clip(VOICE * 100, -1, 1))
    add(speaker, "g-nan", np.where(np.arange(len(VOICE)) == 7, np.nan, VOICE))
    add(speaker, "h-fast", text="hello " * 600)
    add(speaker, "i-rate", np.tile(VOICE, 4), rate=4 * RATE, text="the quick brown fox jumps over the lazy dog " * 3)
    add(speaker, "j-slow", np.tile(VOICE, 30), text="good morning")
    report = run(tmp_path / "c", tmp_path / "out", language="xx", max_seconds=90.0)
    assert {one.id[2:]: one.reason for one in report.rejected} == {
        "a-hot": "out-of-scale",
        "b-phase": "opposite-phase",
        "d-silence": "silent",
        "e-offset": "silent",
        "f-clipped": "clipped",
        "g-nan": "bad-audio",
        "h-fast": "too-fast",
        "i-rate": "too-fast",
        "j-slow": "too-slow",
    }
    assert report.treatment.dead_channels == 1
    assert "1 recordings have a dead channel" in report.summary()
    assert json.loads((tmp_path / "out" / "report.json").read_text())["treatment"]["dead_channels"] == 1
    dataset = open_dataset(tmp_path / "out")
    assert list(dataset.ids) == ["s/c-dead", "s/good"]
    assert (dataset.utterance("s/c-dead").codes == dataset.utterance("s/good").codes).all()
    again = run(tmp_path / "c", tmp_path / "out", language="xx", max_seconds=90.0)
    assert (again.prepared, again.reasons, again.treatment) == (0, report.reasons, report.treatment)


@pytest.mark.parametrize(
    ("option", "value", "wav", "text"),
    [
        ("max_peak", 30_000.0, VOICE * 20_000, "good morning"),
        ("max_clipped", 1.0, np.clip(VOICE * 100, -1, 1), "good morning"),
        ("max_letters", 1e6, VOICE, "hello " * 600),
        ("min_letters", 0.0, np.tile(VOICE, 14), "oh"),
    ],
)
def test_each_limit_is_an_option_whose_number_is_said_when_nothing_is_left(tmp_path, option, value, wav, text):
    add(tmp_path / "c" / "s", "a", wav, text)
    with pytest.raises(UserError) as caught:
        run(tmp_path / "c", tmp_path / "out", language="xx")
    assert option == "max_peak" or f"--{option.replace('_', '-')} " in str(caught.value)
    assert run(tmp_path / "c", tmp_path / "out", language="xx", **{option: value}).utterances == 1


@pytest.mark.parametrize(
    "change", [{"max_peak": 0.5}, {"max_clipped": 0.0}, {"min_letters": -1.0}, {"max_letters": 0.1}]
)
def test_senseless_limits_are_refused(change):
    with pytest.raises(UserError, match=f"{next(iter(change)).replace('max_letters', 'min_letters')} must be"):
        PrepareOptions(**change)


def test_the_peak_is_that_of_reading():
    assert PrepareOptions().max_peak == MAX_PEAK


def test_figures_ideographs_and_syllables_count_as_what_is_said():
    assert letters("Good, 'morning'!", digit=1) == 11
    assert (letters("in 1987", digit=1), letters("in 1987", digit=3)) == (6, 14)
    assert letters("你好。", digit=1) == letters("おは", digit=3) == letters("안녕", digit=1) == 6


@pytest.mark.parametrize(
    ("text", "seconds", "active"),
    [
        ("No.", 5.0, 0.3),
        ("7", 3.0, 0.4),
        ("你好", 1.0, 0.4),
        ("It was the best of times, it was the worst of times", 2.2, 1.9),  # 21 letters a second
        ("Strengths", 0.5, 0.3),
        ("", 3.0, 2.0),
        ("…", 3.0, 2.0),
    ],
)
def test_what_people_say_is_within_the_limits(text, seconds, active):
    limits = PrepareOptions()
    check_rate(text, seconds=seconds, active=active, least=limits.min_letters, most=limits.max_letters)


@pytest.mark.parametrize(
    ("text", "seconds", "active", "kind"),
    [
        ("hello " * 600, 1.8, 1.6, TooFast),
        ("The patient must be sedated before the operation.", 0.875, 0.6, TooFast),  # four times as fast as said
        ("你好吗" * 20, 4.0, 3.5, TooFast),
        ("two words", 60.0, 1.0, TooSlow),
        ("two words", 60.0, 55.0, TooSlow),
    ],
)
def test_what_nobody_says_is_not(text, seconds, active, kind):
    limits = PrepareOptions()
    with pytest.raises(kind, match=r"a second, (more|fewer) than"):
        check_rate(text, seconds=seconds, active=active, least=limits.min_letters, most=limits.max_letters)
