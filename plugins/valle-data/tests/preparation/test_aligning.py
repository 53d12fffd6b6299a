"""`--align`: a recognizer times phonemes; what it cannot place is left out and counted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from valle_core.audio.wav import write
from valle_core.config.resolve import resolve
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_data.preparation.aligning import Aligner
from valle_data.preparation.components import open_components
from valle_data.preparation.config import PREPARE_SCHEMA
from valle_data.preparation.options import PrepareOptions
from valle_data.testing import run
from valle_testing.fakes.recognizer import LETTER, RATE, FakeRecognizer, sing


def aligner(**options):
    return Aligner(name="fake", recognizer=FakeRecognizer(**options))


def sung(*parts):
    """Text is sung, a number is seconds of silence."""
    return np.concatenate([sing(one) if isinstance(one, str) else np.zeros(round(one * RATE)) for one in parts])


@pytest.fixture
def table(tmp_path):
    """`table(wav, text, …)` writes a row of each pair."""

    def make(*pairs, **columns):
        rows = []
        for number, (wav, text) in enumerate(pairs):
            write(tmp_path / f"{number}.wav", wav.astype(np.float32), RATE)
            rows.append({"audio": f"{number}.wav", "text": text, "language": "xx", **columns})
        path = tmp_path / "t.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return make


def _times(folder):
    dataset = open_dataset(folder)
    return [dataset.record(id).times for id in dataset.ids]


MS = round(1000 * LETTER)


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_phonemes_without_times_get_them_from_the_recognizer(table, tmp_path, storage):
    report = run(table((sung(0.3, "ab cd", 0.3), "ab cd")), tmp_path / "out", storage=storage, aligner=aligner())
    assert report.reasons == {}
    (times,) = _times(tmp_path / "out")
    begin = [300, 300 + MS, 300 + 3 * MS, 300 + 3 * MS, 300 + 4 * MS, 300 + 5 * MS]
    assert times == pytest.approx(begin, abs=8)


def test_they_are_times_of_the_audio_that_is_left_when_silence_is_cut(table, tmp_path):
    run(table((sung(0.5, "abcd", 0.5), "abcd")), tmp_path / "out", aligner=aligner(), trim_silence=True,
        keep_silence=0.1)  # fmt: skip
    assert _times(tmp_path / "out")[0][0] == pytest.approx(100, abs=20)


def test_times_of_a_table_win_over_the_recognizer_and_its_phones_are_placed_where_it_has_none(table, tmp_path):
    path = table((sung(0.3, "abcd"), "say it"), phones="abcd", durations=[0.1, 0.1, 0.1, 0.1])
    run(path, tmp_path / "exact", aligner=aligner())
    assert _times(tmp_path / "exact") == [(0, 100, 200, 300, 400)]
    run(table((sung(0.3, "abcd"), "say it"), phones="abcd"), tmp_path / "placed", aligner=aligner())
    assert _times(tmp_path / "placed")[0] == pytest.approx([300 + n * MS for n in range(5)], abs=8)


def test_without_a_recognizer_nothing_is_timed(table, tmp_path):
    run(table((sung(0.2, "abcd", 0.1), "abcd")), tmp_path / "out")
    assert _times(tmp_path / "out") == [()]


def test_what_cannot_be_aligned_is_left_out_and_counted_by_reason(table, tmp_path):
    wav = sung(0.1, "abcd", 0.2)
    path = table((wav, "abcd"), (wav, "hgfe"), (wav, "abcdab"), (wav, "abxy"))
    report = run(path, tmp_path / "out", aligner=aligner())
    assert report.reasons == {"not-aligned": 1, "other-text": 1}
    assert report.prepared == 2
    details = {one.reason: one.detail for one in report.rejected}
    assert details["not-aligned"].endswith("6 letters do not fit into 0.54 s. Check the transcript")
    assert "0.00 of its phonemes were found where they should be, --min-match is 0.5" in details["other-text"]


def test_the_least_share_of_phonemes_is_an_option_and_named_where_nothing_is_left(table, tmp_path):
    path = table((sung(0.1, "abcd", 0.2), "abxy"))
    with pytest.raises(
        UserError, match=r"1 other-text.*hold 0\.50 of the phonemes of their text, but --min-match 0\.8"
    ):
        run(path, tmp_path / "none", aligner=aligner(), min_match=0.8)
    assert run(path, tmp_path / "all", aligner=aligner(), min_match=0.0).prepared == 1
    with pytest.raises(UserError, match=r"min_match must be in \[0, 1\], got 1\.5"):
        PrepareOptions(min_match=1.5)


def test_a_recording_that_is_longer_than_the_recognizer_takes_is_counted(table, tmp_path):
    path = table((sung(0.2, "abcd", 0.1), "abcd"), (sung("ab", 2.0, "cd"), "ab cd"))
    report = run(path, tmp_path / "out", aligner=aligner(max_seconds=1.0), min_letters=0.0)
    assert report.reasons == {"not-aligned": 1}
    assert "takes at most 1 s" in report.rejected[0].detail


def test_a_dataset_is_aligned_by_one_recognizer_throughout(table, tmp_path):
    path = table((sung(0.2, "abcd", 0.1), "abcd"))
    run(path, tmp_path / "out", aligner=aligner())
    with pytest.raises(UserError, match=r"was prepared with align 'fake [0-9a-f]+', asked for None"):
        run(path, tmp_path / "out")
    with pytest.raises(UserError, match="prepared with align"):
        run(path, tmp_path / "out", aligner=replace(aligner(), options={"pause": 2}))
    assert run(path, tmp_path / "out", aligner=aligner()).kept == 1


def test_a_recognizer_that_does_not_time_phonemes_is_refused_with_one_that_does():
    pytest.importorskip("valle_pocketsphinx")
    registry = Registry.open()
    resolved = resolve(PREPARE_SCHEMA, registry, flags=[("align", "pocketsphinx")])
    with pytest.raises(UserError, match=r"'pocketsphinx' does not time phonemes\. Choose one that does: --align hama"):
        open_components(resolved, registry, torch.device("cpu"))
