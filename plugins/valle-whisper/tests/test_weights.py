"""Weights in a folder, on the Hub, or by chance."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperFeatureExtractor
from valle_whisper import weights
from valle_whisper.options import WhisperOptions
from valle_whisper.recognizer import WhisperRecognizer, build

from valle_core.plugin import UserError

CPU = torch.device("cpu")


@pytest.fixture
def folder(parts, tmp_path):
    """As transformers saves a Whisper."""
    tensors = {name: tensor for name, tensor in parts.model.state_dict().items() if name != "proj_out.weight"}
    save_file(tensors, tmp_path / "model.safetensors")
    parts.model.config.save_pretrained(tmp_path)
    parts.tokenizer.save_pretrained(tmp_path)
    parts.generation.save_pretrained(tmp_path)
    WhisperFeatureExtractor().save_pretrained(tmp_path)
    return tmp_path


def change(path, **facts):
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def transcribed(options, tones):
    one = build(options, device=CPU)
    return one.transcribe(tones[:1], torch.tensor([24000]), languages=["en"])


def test_a_folder_gives_the_same_recognizer(folder, random_one, tones):
    wanted = random_one.transcribe(tones[:1], torch.tensor([24000]), languages=["en"])
    assert wanted[0].segments
    assert {name for name in weights.FILES if not (folder / name).exists()} == set()
    assert transcribed(WhisperOptions(weights=str(folder), compression=0), tones) == wanted


def test_the_settings_of_old_checkpoints_are_read(folder, random_one, tones):
    """They keep generation's settings in config.json too, and some have no generation_config.json."""
    change(
        folder / "config.json", max_length=448, suppress_tokens=[1], begin_suppress_tokens=[2], forced_decoder_ids=None
    )
    wanted = random_one.transcribe(tones[:1], torch.tensor([24000]), languages=["en"])
    assert transcribed(WhisperOptions(weights=str(folder), compression=0), tones) == wanted
    (folder / "generation_config.json").unlink()
    read = WhisperRecognizer(weights.read(folder), WhisperOptions(), CPU)
    assert read.decoder.heads == [(1, 0), (1, 1)]
    assert not read.decoder.languages  # by the size of its vocabulary it is an English one
    assert read.transcribe(tones[:1], torch.tensor([24000]), languages=[None])[0].language == "en"
    with pytest.raises(UserError, match=r"no language 'fr'\. Choose from: en"):
        read.transcribe(tones[:1], torch.tensor([24000]), languages=["fr"])


def test_a_tied_output_may_be_stored(folder, tones):
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {**tensors, "proj_out.weight": tensors["model.decoder.embed_tokens.weight"].clone()},
        folder / "model.safetensors",
    )
    assert weights.read(folder).model.proj_out.weight is not None


@pytest.mark.parametrize("name", weights.FILES[:2] + weights.FILES[3:5])
def test_a_missing_or_damaged_file_is_named(folder, name):
    other = {"model.safetensors": "holds no weights"}.get(name, name)
    (folder / name).write_bytes(b"{ nonsense")
    with pytest.raises(UserError, match=r"cannot be read|damaged"):
        weights.read(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=other):
        weights.read(folder)


def test_other_models_are_refused(folder):
    change(folder / "preprocessor_config.json", feature_size=128)
    with pytest.raises(UserError, match="128 bands x 3000 frames"):
        weights.read(folder)
    change(folder / "preprocessor_config.json", feature_size=80)
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("model.encoder.conv1.weight")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"lack 'model\.encoder\.conv1\.weight'"):
        weights.read(folder)
    change(folder / "config.json", model_type="dac")
    with pytest.raises(UserError, match="'dac', not 'whisper'"):
        weights.read(folder)
    with pytest.raises(UserError, match="no folder"):
        weights.read(folder / "none")


def test_offline_one_line_says_what_to_fetch():
    def offline(repository, file, cached):
        raise OSError("offline")

    with pytest.raises(UserError) as caught:
        weights.load(WhisperOptions(model="openai/whisper-tiny"), offline)
    assert "\n" not in str(caught.value)
    assert "recognizer 'whisper' has no weights here" in str(caught.value)
    assert "tokenizer_config.json of https://huggingface.co/openai/whisper-tiny into a folder" in str(caught.value)
    assert "--recognizer.weights FOLDER" in str(caught.value)


def test_the_hubs_cache_is_used(folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    asked = []

    def fetch(repository, file, cached):
        asked.append((repository, cached))
        shutil.copy(folder / file, cache / file)
        return str(cache / file)

    assert weights.load(WhisperOptions(), fetch).sound.seconds == 30
    assert set(asked) == {("openai/whisper-base", True)}


def test_random_weights_follow_the_seed_and_leave_the_callers_randomness_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (
        weights.load(WhisperOptions(weights="random", seed=seed)).model.proj_out.weight for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(1), wanted)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
