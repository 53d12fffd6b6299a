"""What is left out or changed before encoding: silence, its ends, loudness; each with its count and its numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.treatment import Silent, treat
from valle_data.testing import run
from valle_kit.loudness import integrated_loudness
from valle_testing.fakes.audio import tone_corpus, tone_speech

RATE = 16_000


def options(**changes):
    return PrepareOptions(**changes)


def quiet(seconds, level=0.0, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def add(folder, name, wav, text="a b"):
    write(folder / f"{name}.wav", wav, RATE)
    (folder / f"{name}.txt").write_text(text)
    (folder / f"{name}.json").write_text('{"language": "xx"}')


@pytest.fixture
def corpus(tmp_path):
    tone_corpus(tmp_path / "corpus", speakers=1, utterances=3)
    return tmp_path / "corpus"


def test_silence_is_left_out_and_counted(corpus, tmp_path):
    speaker = corpus / "train" / "s0"
    add(speaker, "a", quiet(1.0))
    add(speaker, "b", quiet(1.0, 1e-5))
    add(speaker, "c", np.concatenate([quiet(1.0), tone_speech("a")[:800], quiet(1.0)]))
    add(speaker, "d", quiet(1.0) + np.float32(0.2))
    report = run(corpus, tmp_path / "out")
    assert report.reasons == {"silent": 4}
    assert report.rejected[2].measured == pytest.approx(0.05, abs=0.011)
    assert run(corpus, tmp_path / "all", min_speech=0.0).reasons == {}


def test_silence_at_the_ends_is_cut_but_for_what_is_kept(corpus, tmp_path):
    speaker = corpus / "train" / "s0"
    add(speaker, "long", np.concatenate([quiet(0.7, 1e-4), tone_speech("abcd"), quiet(0.5, 1e-4)]))
    before = open_seconds(corpus, tmp_path / "before")
    report = run(corpus, tmp_path / "after", trim_silence=True, keep_silence=0.15)
    after = {row.id: row.seconds for row in open_dataset(tmp_path / "after").rows()}
    assert after["train/s0/long"] == pytest.approx(0.24 + 0.3, abs=0.04)
    assert report.treatment.trimmed_seconds == pytest.approx(1.2 - 0.3, abs=0.04)
    assert report.treatment.trimmed == 1
    assert {id: after[id] for id in before if "long" not in id} == {id: before[id] for id in before if "long" not in id}
    stored = json.loads((tmp_path / "after" / "report.json").read_text())
    assert stored["treatment"]["trimmed_seconds"] == report.treatment.trimmed_seconds
    assert "s of silence at the ends of 1 recording" in report.summary()
    again = run(corpus, tmp_path / "after", trim_silence=True, keep_silence=0.15)
    assert (again.prepared, again.treatment) == (0, report.treatment)


def open_seconds(source, out):
    run(source, out)
    return {row.id: row.seconds for row in open_dataset(out).rows()}


def test_what_is_cut_does_not_depend_on_what_is_read_beside_it(corpus, tmp_path):
    speaker = corpus / "train" / "s0"
    for number in range(5):
        add(speaker, f"x{number}", np.concatenate([quiet(0.1 * number, 1e-4), tone_speech("abcd"), quiet(0.3, 1e-4)]))
    facts = {"trim_silence": True, "loudness": -23.0}
    run(corpus, tmp_path / "a", jobs=1, **facts)
    run(corpus, tmp_path / "b", jobs=4, **facts)
    files = [
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (tmp_path / "a", tmp_path / "b")
    ]
    assert files[0] == files[1]


def test_what_is_too_short_without_its_silence_says_so(tmp_path):
    add(tmp_path / "c" / "s", "a", np.concatenate([quiet(1.0), tone_speech("ab"), quiet(1.0)]))
    with pytest.raises(
        UserError, match=r"those that are too-short last 0\.\d+ s, but --min-seconds 0\.3 was asked for"
    ):
        run(tmp_path / "c", tmp_path / "out", trim_silence=True, keep_silence=0.05)


def test_the_energy_of_the_loud_parts_decides_and_a_click_is_no_speech():
    speech = tone_speech("abcdefgh")
    click = quiet(1.0)
    click[8000:8020] = 1.0
    with pytest.raises(Silent):
        treat(click, RATE, options())
    for gain in (1.0, 0.02):
        wav = np.concatenate([quiet(0.5, 1e-3), speech, quiet(0.5, 1e-3)]) * np.float32(gain)
        cut, done = treat(wav, RATE, options(trim_silence=True))
        assert done.trimmed == pytest.approx(0.8, abs=0.03)
        assert len(cut) == len(wav) - round(done.trimmed * RATE)
    hiss = np.concatenate([quiet(0.5, 0.02), speech, quiet(0.5, 0.02)])
    assert treat(hiss, RATE, options(trim_silence=True))[1].trimmed == 0
    assert treat(hiss, RATE, options(trim_silence=True, silence_db=15.0))[1].trimmed == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("target", [-23.0, -35.0])
def test_loudness_is_brought_to_the_target(target):
    wav = tone_speech("abcdefgh" * 4)
    louder, done = treat(wav, RATE, options(loudness=target))
    assert integrated_loudness(louder, RATE) == pytest.approx(target, abs=0.01)
    assert done.gain == pytest.approx(target - integrated_loudness(wav, RATE), abs=1e-3)
    assert not done.limited


def test_nothing_clips_and_what_is_below_the_gate_is_left_alone(corpus, tmp_path):
    peaky = tone_speech("abcdefgh" * 4) * np.float32(0.05)
    peaky[9000] = 0.9
    wav, done = treat(peaky, RATE, options(loudness=-10.0))
    assert done.limited
    assert np.abs(wav).max() <= 1.0
    assert done.gain == pytest.approx(20 * np.log10(1 / 0.9), abs=1e-3)
    faint = quiet(1.0, 1e-5)
    same, done = treat(faint, RATE, options(loudness=-23.0, min_speech=0.0))
    assert (done.gain, np.array_equal(same, faint)) == (None, True)
    add(corpus / "train" / "s0", "peaky", peaky)
    report = run(corpus, tmp_path / "out", loudness=-10.0)
    counted = report.treatment
    assert (counted.normalised, counted.limited >= 1) == (4, True)
    assert counted.lowest_gain < counted.highest_gain
    assert re.search(r"loudness of 4 recordings changed by \S+ … \S+ dB, \d of them less than asked", report.summary())


@pytest.mark.parametrize(
    "change",
    [{"min_speech": 0.2}, {"silence_db": 30.0}, {"trim_silence": True}, {"keep_silence": 0.2}, {"loudness": -23.0}],
)
def test_another_filter_on_the_same_folder_is_refused_by_name(corpus, tmp_path, change):
    run(corpus, tmp_path / "out")
    with pytest.raises(UserError, match=f"was prepared with {next(iter(change))}"):
        run(corpus, tmp_path / "out", **change)


def test_a_folder_from_before_the_filters_goes_on_with_their_defaults(corpus, tmp_path):
    run(corpus, tmp_path / "out")
    path = tmp_path / "out" / "prepare.json"
    stored = json.loads(path.read_text())
    for name in PrepareOptions().filters():
        del stored[name]
    path.write_text(json.dumps(stored))
    assert run(corpus, tmp_path / "out").prepared == 0
    with pytest.raises(UserError, match="was prepared with loudness None, asked for -20"):
        run(corpus, tmp_path / "out", loudness=-20.0)


def test_a_filter_that_drops_everything_is_named_with_what_it_measured(corpus, tmp_path):
    (corpus / "train" / "s0" / "000.wav").unlink()
    add(corpus / "train" / "s0", "000", quiet(40.0))
    with pytest.raises(UserError) as caught:
        run(corpus, tmp_path / "out", min_seconds=5.0)
    line = str(caught.value)
    assert "1 too-long, 2 too-short" in line
    assert re.search(r"too-short last 0\.\d+ … \d\.\d+ s, but --min-seconds 5 was asked for", line)
    assert "too-long last 40.00 s, but --max-seconds 30 was asked for" in line
    with pytest.raises(UserError, match=r"silent hold sound for .* s, but --min-speech 3 was asked for"):
        run(corpus, tmp_path / "other", min_speech=3.0)
    with pytest.raises(UserError, match=r"silent hold sound for .* s, but --min-speech 3 was asked for"):
        run(corpus, tmp_path / "other", min_speech=3.0)


@pytest.mark.parametrize(
    "change", [{"min_speech": -1.0}, {"keep_silence": -0.1}, {"silence_db": 0.0}, {"loudness": 1.0}]
)
def test_senseless_filters_are_refused(change):
    with pytest.raises(UserError, match=next(iter(change))):
        PrepareOptions(**change)
