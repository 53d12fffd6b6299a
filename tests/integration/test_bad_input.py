"""Bad input through the real command line: one clear line, exit code 2, nothing half-written, nothing lost."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile


def silence(path, seconds: float, rate: int = 8000) -> str:
    soundfile.write(path, np.zeros(int(seconds * rate), dtype=np.float32), rate)
    return str(path)


# --- prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "is empty"), (b"not a recording", "not readable"), (b"RIFF\x24\0\0\0WAVEfmt ", "not readable")],
    ids=["empty", "text", "torn"],
)
def test_a_prompt_that_is_no_audio_is_refused(refused, spine, tmp_path, content, complaint):
    (tmp_path / "p.wav").write_bytes(content)
    line = refused(*spine.speaking(tmp_path / "o.wav", "--prompt", str(tmp_path / "p.wav")))
    assert "p.wav" in line
    assert complaint in line


@pytest.mark.parametrize(
    ("seconds", "complaint"),
    [(0.0, "holds no samples"), (0.1, "less than 0.2 s"), (300, "lasts 300.0 s, more than 30 s"), (1, "is silent")],
)
def test_a_prompt_without_a_usable_length_of_voice_is_refused(refused, spine, tmp_path, seconds, complaint):
    prompt = silence(tmp_path / "p.wav", seconds)
    assert complaint in refused(*spine.speaking(tmp_path / "o.wav", "--prompt", prompt))


def test_a_prompt_of_noise_that_is_not_finite_is_refused(refused, spine, tmp_path):
    soundfile.write(tmp_path / "p.wav", np.full(8000, np.nan, dtype=np.float32), 8000, subtype="FLOAT")
    line = refused(*spine.speaking(tmp_path / "o.wav", "--prompt", str(tmp_path / "p.wav")))
    assert "not finite" in line


@pytest.mark.parametrize("name", ["nothing-here.wav", "."])
def test_a_prompt_that_is_no_file_is_refused(refused, spine, tmp_path, name):
    line = refused(*spine.speaking(tmp_path / "o.wav", "--prompt", str(tmp_path / name)))
    assert "does not exist" in line or "is a folder" in line


# --- texts and languages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "text is empty"), ("   ", "text is empty"), ("?!… —", "has no words"), ("\0", "text")],
)
def test_a_text_without_words_is_refused(refused, spine, tmp_path, text, complaint):
    assert complaint in refused(*spine.speaking(tmp_path / "o.wav", text=text))


@pytest.mark.parametrize("language", ["xx", "fr-fr", "../en"])
def test_a_language_the_model_never_heard_is_refused_with_those_it_knows(refused, spine, tmp_path, language):
    line = refused(*spine.speaking(tmp_path / "o.wav", "--language", language))
    assert language in line
    assert "en-us" in line


def test_one_bad_line_of_a_file_keeps_all_from_being_spoken(refused, spine, tmp_path):
    (tmp_path / "lines.txt").write_text("the boat\n...\n")
    words = spine.speaking(tmp_path / "o.wav", "--text-file", str(tmp_path / "lines.txt"))
    assert "'...'" in refused(words[0], *words[2:])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe\0", "UTF-8"),
        (b"\n \n", "holds no text"),
        (None, "cannot be read (No such file or directory); give an existing UTF-8 text file"),
    ],
)
def test_a_text_file_without_text_is_refused(refused, spine, tmp_path, content, complaint):
    if content is not None:
        (tmp_path / "lines.txt").write_bytes(content)
    words = spine.speaking(tmp_path / "o.wav", "--text-file", str(tmp_path / "lines.txt"))
    assert complaint in refused(words[0], *words[2:])


def test_a_text_and_a_text_file_together_are_refused(refused, spine, tmp_path):
    (tmp_path / "lines.txt").write_text("hello")
    assert "both" in refused(*spine.speaking(tmp_path / "o.wav", "--text-file", str(tmp_path / "lines.txt")))


# --- runs and checkpoints --------------------------------------------------------------------------------------------


@pytest.fixture
def copy(spine, tmp_path):
    """A copy of the run that may be damaged; its newest checkpoint."""
    shutil.copytree(spine.run, tmp_path / "run")
    (checkpoint,) = (tmp_path / "run" / "checkpoints").iterdir()
    return checkpoint


def speaking_with(run, out) -> list[str]:
    return ["synth", "the boat", "--model", str(run), "--out", str(out), "--max-duration", "0.5"]


def test_a_folder_that_is_no_run_is_refused(refused, spine, tmp_path):
    assert "not a run" in refused(*speaking_with(spine.recordings, tmp_path / "o.wav"))
    assert "no such run" in refused(*speaking_with(tmp_path / "nowhere", tmp_path / "o.wav"))
    assert "not a run" in refused(*spine.training(spine.data, "--resume"))


@pytest.mark.parametrize("name", ["model.safetensors", "manifest.json", "model.yaml"])
@pytest.mark.parametrize("kept", [0, 0.5])
def test_a_truncated_checkpoint_is_refused_by_the_name_of_its_file(refused, copy, tmp_path, name, kept):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(len(content) * kept)])
    line = refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))
    assert name in line or "model.yaml" in line


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "random.safetensors", "manifest.json"])
def test_a_damaged_checkpoint_is_not_resumed_and_stays_as_it_is(refused, spine, copy, tmp_path, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-30])
    assert name in refused(*spine.training(tmp_path / "run", "--resume", "--steps", "12"))


def test_a_missing_file_of_a_checkpoint_is_named(refused, copy, tmp_path):
    (copy / "model.safetensors").unlink()
    assert "model.safetensors" in refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))


def change_manifest(checkpoint, **changes) -> None:
    path = checkpoint / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_checkpoint_of_other_codec_weights_is_refused_with_both_named(refused, copy, tmp_path):
    codec = json.loads((copy / "manifest.json").read_text())["codec"]
    change_manifest(copy, codec=codec | {"weights_hash": "0" * 16})
    line = refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))
    assert "0" * 16 in line
    assert codec["weights_hash"] in line


def test_a_checkpoint_of_a_missing_codec_names_it(refused, copy, tmp_path):
    codec = json.loads((copy / "manifest.json").read_text())["codec"]
    change_manifest(copy, codec=codec | {"name": "soundwave"})
    assert "'soundwave'" in refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))


def test_another_codec_than_the_models_is_refused_when_speaking_and_when_training(refused, spine, tmp_path):
    line = refused(*spine.speaking(tmp_path / "o.wav", "--codec", "fake"))
    assert "mel-gl" in line or "fake" in line
    refused(*spine.training(tmp_path / "r", "--codec", "fake"))


def test_a_checkpoint_of_a_missing_plugin_names_distribution_and_install_line(refused, copy, tmp_path):
    plugins = json.loads((copy / "manifest.json").read_text())["plugins"]
    plugins[0] |= {"name": "hyena", "distribution": "valle-hyena", "version": "3.1"}
    change_manifest(copy, plugins=plugins)
    line = refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))
    assert "arch 'hyena' of valle-hyena 3.1" in line
    assert "pip install valle-hyena==3.1" in line


def test_a_checkpoint_of_another_format_is_refused_with_both_numbers(refused, copy, tmp_path):
    change_manifest(copy, format_version=99)
    assert "checkpoint format 99, this valle reads 1" in refused(*speaking_with(tmp_path / "run", tmp_path / "o.wav"))


# --- recordings and datasets -----------------------------------------------------------------------------------------


def preparing(source, out, *more: str) -> list[str]:
    return ["prepare", str(source), "--out", str(out), "--codec", "mel-gl", "--device", "cpu", *more]


def test_bad_recordings_are_left_out_with_their_reasons_and_the_good_ones_kept(valle, spine, tmp_path):
    source = tmp_path / "corpus"
    shutil.copytree(spine.recordings / "en-us+f2", source / "anna")
    (source / "anna" / "0000.wav").write_bytes(b"")
    (source / "anna" / "0001.txt").write_text("?!")
    (source / "anna" / "0002.txt").unlink()
    code, out, err = valle(*preparing(source, tmp_path / "data", "--json"))
    assert code == 0, err
    report = json.loads(out)
    assert (report["found"], report["utterances"]) == (4, 1)
    assert sum(report["rejected"].values()) == 3
    assert len(report["details"]) == 3


@pytest.mark.parametrize("source", ["nowhere", "void"])
def test_a_folder_without_recordings_is_refused_and_no_dataset_begun(refused, tmp_path, source):
    (tmp_path / "void").mkdir()
    assert source in refused(*preparing(tmp_path / source, tmp_path / "data"))


def test_a_folder_that_holds_something_else_is_not_prepared_into(refused, spine):
    assert "Choose another --out" in refused(*preparing(spine.recordings, spine.run))


def test_a_dataset_of_another_codec_is_not_mixed_with(refused, spine):
    words = preparing(spine.recordings, spine.data)
    words[words.index("mel-gl")] = "fake"
    assert "mel-gl" in refused(*words) or "fake" in refused(*words)


@pytest.mark.parametrize("name", ["dataset.json", "index.jsonl"])
def test_a_truncated_dataset_is_refused(refused, spine, tmp_path, name):
    shutil.copytree(spine.data, tmp_path / "data")
    path = tmp_path / "data" / name
    path.write_bytes(path.read_bytes()[:-40])
    words = spine.training(tmp_path / "run")
    words[2] = str(tmp_path / "data")
    assert str(tmp_path / "data") in refused(*words)


def test_a_folder_that_is_no_dataset_is_refused(refused, spine, tmp_path):
    words = spine.training(tmp_path / "run")
    words[2] = str(spine.recordings)
    assert "no dataset" in refused(*words)


def test_utterances_that_no_batch_can_hold_are_told_and_no_run_is_begun(refused, spine, tmp_path):
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    line = refused(*spine.training(tmp_path / "run", "--batching.seconds", "0.01"))
    assert "0 of 6 utterances" in line
