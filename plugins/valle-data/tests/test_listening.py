"""Samples of a dataset: the decoded audio is the codec's, and the page holds everything in itself."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, hookimpl
from valle_data.audio.reading import read
from valle_data.dataset_figures import draw_statistics
from valle_data.listening import choose, write_samples
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.statistics import statistics
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("listen")
    tone_corpus(root / "corpus", speakers=2, utterances=3)
    (root / "corpus/train/s1/002.txt").write_text("<b>bad & bold</b>\n")
    options = PrepareOptions(source=root / "corpus", out=root / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return open_dataset(root / "data")


def test_equal_seeds_choose_equal_utterances_and_never_more_than_there_are(dataset):
    assert choose(dataset, 3, 1) == choose(dataset, 3, 1)
    assert len({tuple(choose(dataset, 3, seed)) for seed in range(8)}) > 3
    assert choose(dataset, 99, 0) == list(dataset.ids)
    with pytest.raises(UserError, match="at least 1"):
        choose(dataset, 0, 0)


def test_the_audio_is_what_the_codec_decodes_and_the_page_holds_all_of_it(dataset, tmp_path):
    ids = ["train/s0/001", "train/s1/002"]
    page, samples = write_samples(dataset, ids, FakeCodec(), tmp_path, device=CPU, observers=Observers())
    for sample in samples:
        codes = dataset.codes(sample.row.id)[None]
        wavs, _ = FakeCodec().decode(codes, torch.tensor([codes.shape[1]]))
        wav, rate = read(sample.wav)
        assert rate == 16_000
        assert np.allclose(wav, wavs[0].numpy(), atol=1e-4)
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)', text), "it needs no other file"
    sounds, pictures = (re.findall(rf"data:{kind};base64,([^\"]+)", text) for kind in ("audio/wav", "image/png"))
    assert [base64.b64decode(sound) for sound in sounds] == [sample.wav.read_bytes() for sample in samples]
    assert [base64.b64decode(picture) for picture in pictures] == [sample.picture.read_bytes() for sample in samples]
    for row in (sample.row for sample in samples):
        assert row.id in text
        assert row.speaker in text
    assert "&lt;b&gt;bad &amp; bold&lt;/b&gt;" in text
    assert "<b>" not in text


def test_another_codec_is_refused(dataset, tmp_path):
    with pytest.raises(UserError, match=r"holds codes of codec 'fake' .* not 'other'"):
        write_samples(dataset, list(dataset.ids), FakeCodec(name="other"), tmp_path, device=CPU, observers=Observers())
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_each_figure_is_drawn(dataset, tmp_path):
    paths = draw_statistics(statistics(dataset), tmp_path)
    assert [path.name for path in paths] == ["durations.png", "speakers.png", "languages.png", "phonemes.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_what_is_played_has_passed_the_hook(dataset, tmp_path):
    class Mute:
        @hookimpl
        def after_audio(self, wav):
            return wav * 0

    observers = Observers()
    observers.add("mute", Mute())
    _, (sample,) = write_samples(dataset, ["train/s0/001"], FakeCodec(), tmp_path, device=CPU, observers=observers)
    assert not read(sample.wav)[0].any()
