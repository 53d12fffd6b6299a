"""What a user does on the first day, by the command line alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile


def seconds(path) -> float:
    return soundfile.info(path).duration


def test_a_text_and_a_voice_become_speech_and_a_picture(valle, spine, tmp_path):
    out, png = tmp_path / "out.wav", tmp_path / "out.png"
    code, stdout, err = valle(*spine.speaking(out, "--prompt", str(spine.prompt), "--spectrogram", str(png), "--json"))
    assert code == 0, err
    report = json.loads(stdout)
    assert report["speech"][0]["out"] == str(out)
    assert report["speech"][0]["seconds"] == pytest.approx(seconds(out)) == pytest.approx(0.5, abs=0.1)
    assert report["speech"][0]["stopped"] is False
    assert "ran into its bound" in err
    assert png.read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "out.wav"]


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(valle, spine, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert valle(*spine.speaking(tmp_path / f"{name}.wav", "--seed", seed))[0] == 0
    a, b, c = ((tmp_path / f"{name}.wav").read_bytes() for name in "abc")
    assert a == b != c


def test_lines_of_a_file_are_spoken_as_one_batch(valle, spine, tmp_path):
    (tmp_path / "lines.txt").write_text("the boat\n\nrain falls\n")
    words = spine.speaking(tmp_path / "o.flac", "--text-file", str(tmp_path / "lines.txt"), "--json")
    code, out, err = valle(words[0], *words[2:])
    assert code == 0, err
    rows = json.loads(out)["speech"]
    assert [row["out"] for row in rows] == [str(tmp_path / f"o-{n}.flac") for n in (1, 2)]
    assert [(row["line"], row["seed"]) for row in rows] == [(1, 0), (3, 2)]
    assert seconds(tmp_path / "o-2.flac") > 0


@pytest.mark.parametrize("arguments", [("--task", "tts-c", "--prompt-text", "a red door opens"), ()])
def test_both_tasks_take_a_prompt(valle, spine, tmp_path, arguments):
    code, _, err = valle(*spine.speaking(tmp_path / "o.wav", "--prompt", str(spine.prompt), *arguments))
    assert code == 0, err
    assert seconds(tmp_path / "o.wav") > 0


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"), [(8000, 1, "PCM_U8"), (44100, 2, "PCM_24"), (48000, 6, "FLOAT")]
)
def test_a_prompt_of_any_rate_and_any_number_of_channels_just_works(valle, spine, tmp_path, rate, channels, subtype):
    wav, own = soundfile.read(spine.prompt, dtype="float32")
    wav = np.interp(np.arange(0, len(wav) / own, 1 / rate), np.arange(len(wav)) / own, wav)
    soundfile.write(tmp_path / "p.wav", np.repeat(wav[:, None], channels, axis=1), rate, subtype=subtype)
    code, _, err = valle(*spine.speaking(tmp_path / "o.wav", "--prompt", str(tmp_path / "p.wav")))
    assert code == 0, err
    assert soundfile.info(tmp_path / "o.wav").samplerate == 16_000


def test_two_halves_trained_apart_speak_together(valle, spine, tmp_path):
    for half in ("ar", "nar"):
        assert valle(*spine.training(tmp_path / half, "--model.parts", half, "--steps", "2"))[0] == 0
    words = ["synth", "the boat", "--max-duration", "0.5", "--out", str(tmp_path / "o.wav")]
    code, _, err = valle(*words, "--model", tmp_path / "ar", "--nar-model", tmp_path / "nar")
    assert code == 0, err
    assert seconds(tmp_path / "o.wav") > 0
    code, _, err = valle(*words, "--model", tmp_path / "ar")
    assert (code, "--nar-model" in err) == (2, True)
    code, _, err = valle(*words, "--model", tmp_path / "nar")
    assert (code, "--nar-model" in err) == (2, True)


def test_preparing_again_does_no_work_and_a_run_is_resumed_by_its_own_configuration(valle, spine, tmp_path):
    code, out, _ = valle(
        "prepare", spine.recordings, "--out", spine.data, "--codec", "mel-gl", "--device", "cpu", "--quiet"
    )
    assert code == 0
    assert "0 new, 8 kept" in out
    assert valle(*spine.training(tmp_path / "run"))[0] == 0
    code, out, err = valle("train", "--config", tmp_path / "run" / "config.yaml", "--resume", "--steps", "12", "--json")
    assert code == 0, err
    assert json.loads(out)["step"] == 12


@pytest.mark.parametrize("arch", ["llama", "transformer"])
def test_every_backbone_trains_and_speaks(valle, spine, tmp_path, arch):
    assert valle(*spine.training(tmp_path / "run", "--arch", arch, "--steps", "2"))[0] == 0
    code, _, err = valle(
        "synth", "the boat", "--model", tmp_path / "run", "--out", tmp_path / "o.wav", "--max-duration", "0.5"
    )
    assert code == 0, err
    assert seconds(tmp_path / "o.wav") > 0
