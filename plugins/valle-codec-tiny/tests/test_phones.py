from __future__ import annotations

import json
import wave

import pytest
import torch
from valle_codec_tiny.features import HOP
from valle_codec_tiny.phones import UNKNOWN, Reader, read_phone_labels
from valle_codec_tiny.quantizer import ResidualQuantizer
from valle_codec_tiny.speech import Crops

from valle_core.plugin import UserError

ROW = {
    "audio": "train/anna/1.wav",
    "phones": ["h", "ˈ", "O", " ", "s", "i", "ː", "."],
    "durations": [0.1, 0.1, 0.05, 0.15, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
}


@pytest.fixture
def corpus(tmp_path):
    for name in ("1", "2"):
        path = tmp_path / "train" / "anna" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(b"\x00\x01" * 16000)
    (tmp_path / "train.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps({"audio": "train/anna/2.wav"}) + "\n")
    return tmp_path


def test_marks_belong_to_the_sound_beside_them(corpus):
    read = read_phone_labels(corpus)
    assert read is not None
    labels = read.labels["train/anna/1.wav"]
    at = {round(second * 100): read.names[int(labels[round(second * 100)])] for second in (0.05, 0.15, 0.22, 0.3, 0.45)}
    assert list(at.values()) == ["", "h", "O", "O", "O"]
    assert [read.names[int(labels[hundredth])] for hundredth in (55, 65, 75, 85, 95)] == ["s", "i", "i", "", ""]


def test_crops_carry_the_sound_in_the_middle_of_each_frame(corpus):
    read = read_phone_labels(corpus)
    crops = Crops(corpus, 20 * HOP, read)
    _, which, start = crops.draw_known(16, torch.Generator().manual_seed(0))
    sounds = crops.sounds_of(which, start, 20, HOP)
    assert read is not None
    for row in range(16):
        if int(which[row]) == 1:
            assert sounds[row].eq(UNKNOWN).all()
        else:
            middle = int(start[row]) + 7 * HOP + HOP // 2
            assert sounds[row, 7] == read.labels["train/anna/1.wav"][middle // 160]
    assert {0, 1} == set(which.tolist())


def test_reading_the_sounds_moves_the_latent_apart_by_sound():
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(2, 8, 4)
    latent = torch.randn(2, 30, 4)
    quantizer.initialise(latent.flatten(0, 1), torch.Generator().manual_seed(0))
    latent.requires_grad_(True)
    reader = Reader(4, 3)
    sounds = torch.randint(3, (2, 30))
    sounds[:, :5] = UNKNOWN
    first = quantizer.first(latent)
    assert torch.allclose(
        first, quantizer.lookup(quantizer.encode(latent.detach().flatten(0, 1))[:, :1]).view_as(first)
    )
    reader.loss(first, sounds).backward()
    assert latent.grad is not None
    assert float(latent.grad[:, 8:].abs().sum()) > 0
    assert float(latent.grad[:, :4].abs().sum()) == 0
    assert float(reader.loss(first, torch.full_like(sounds, UNKNOWN)).detach()) == 0


def test_a_damaged_table_is_named_and_none_is_nothing(corpus):
    (corpus / "train.jsonl").write_text('{"audio": "a", "phones": ["a"], "durations": [1, 2]}\n')
    with pytest.raises(UserError, match=r"train\.jsonl' line 1 is not a row of a corpus"):
        read_phone_labels(corpus)
    (corpus / "train.jsonl").write_text('{"audio": "a"}\n')
    assert read_phone_labels(corpus) is None
    (corpus / "train.jsonl").unlink()
    assert read_phone_labels(corpus) is None
