"""Options that make no sense: one line that names the option and the hint, before anything is written."""

from __future__ import annotations

import pytest

YAML = {
    "unknown key": ("stepz: 3\n", ":1: unknown key 'stepz'. Did you mean 'steps'"),
    "wrong type": ("seed: 1\nsteps: [1, 2]\n", ":2: steps: expected an integer, got [1, 2]"),
    "word for a number": ("lr: fast\n", ":1: lr: expected a number or one of auto, got 'fast'"),
    "unknown plugin option": ("arch:\n  name: llama\n  d_modell: 4\n", ":3: arch 'llama' has no option 'd_modell'"),
    "unknown plugin": ("arch: hyena\n", "there is no arch 'hyena'"),
    "unknown section key": ("model:\n  level: 2\n", ":2: unknown key 'model.level'"),
    "no mapping": ("- a\n- b\n", ":1: expected keys"),
    "a key twice": ("steps: 5\nsteps: 6\n", ":2: key 'steps' stands here a second time"),
    "torn": ("steps: [1\n", "not valid YAML"),
    "code": ("x: !!python/object/apply:os.system ['touch pwned']\n", "only plain data is read"),
    "not a number": ("lr: .nan\n", ":1: lr: expected a number or one of auto, got nan"),
}


@pytest.mark.parametrize("case", YAML)
def test_a_configuration_file_is_refused_with_file_line_and_reason(refused, spine, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    text, complaint = YAML[case]
    (tmp_path / "c.yaml").write_text(text)
    words = spine.training(tmp_path / "run", "--config", "c.yaml")
    for flag in ("--arch", "--steps"):  # what is typed would win over the file
        at = words.index(flag)
        del words[at : at + 2]
    words = [word for word in words if "arch." not in word and word not in ("32", "1", "2")]
    line = refused(*words)
    assert complaint in line
    assert "c.yaml" in line or "there is no arch" in line
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("content", "complaint"), [(b"\xff\xfe\0", "not UTF-8"), (None, "No such file")])
def test_a_configuration_file_that_cannot_be_read_is_refused(refused, spine, tmp_path, content, complaint):
    if content is not None:
        (tmp_path / "c.yaml").write_bytes(content)
    assert complaint in refused(*spine.training(tmp_path / "run", "--config", str(tmp_path / "c.yaml")))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--steps", "0"), ("--steps", "many"), ("--steps", "1.5"), ("--lr", "-1"), ("--lr", "inf"),
        ("--accumulate", "0"), ("--checkpoint-every", "0"), ("--log-every", "0"), ("--minutes", "-1"),
        ("--warmup", "-1"), ("--clip", "nan"), ("--keep", "-1"), ("--weight-decay", "-1"), ("--precision", "int3"),
        ("--schedule", "sawtooth"), ("--device", "tpu"), ("--batching.seconds", "0"), ("--batching.buckets", "0"),
        ("--arch.n-layers", "0"), ("--arch.d-model", "31.5"), ("--arch.n-heads", "3"), ("--arch.dropout", "7"),
        ("--arch.lr", "1"), ("--arch", "hyena"), ("--task", "sing"), ("--attention", "psychic"),
        ("--model.levels", "-1"), ("--model.levels", "9"), ("--model.parts", "all"),
        ("--model.level-weights", "[x]"), ("--model.token-error", "[3]"), ("--set", "nonsense"),
        ("--set", "arch.foo=1"), ("--set", "foo=1"), ("--stepz", "3"),
    ],
)  # fmt: skip
def test_training_options_out_of_range_are_refused_by_name(refused, spine, tmp_path, option, value):
    line = refused(*spine.training(tmp_path / "run", option, value)).replace("-", "_")
    named = value.partition("=")[0] if option == "--set" else option.lstrip("-").rpartition(".")[2]
    assert named.replace("-", "_").rpartition(".")[2] in line


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seed", "x"), ("--max-duration", "0"), ("--max-duration", "-1"), ("--max-duration", "nan"),
        ("--max-duration", "1e9"), ("--dtype", "int8"), ("--device", "tpu"), ("--sampler", "dice"),
        ("--sampler.p", "3"), ("--sampler.q", "1"), ("--nar-sampler", "dice"), ("--task", "sing"),
        ("--attention", "psychic"), ("--codec", "none-such"), ("--frontend", "none-such"),
        ("--max-prompt-seconds", "-3"), ("--volume", "11"), ("--nar-model", "nowhere"),
    ],
)  # fmt: skip
def test_speaking_options_out_of_range_are_refused_by_name(refused, spine, tmp_path, option, value):
    line = refused(*spine.speaking(tmp_path / "o.wav", option, value)).replace("-", "_")
    assert option.lstrip("-").replace("-", "_").rpartition(".")[2] in line or value.replace("-", "_") in line


def test_what_must_be_given_is_asked_for_by_its_flag(refused, spine, tmp_path):
    words = spine.training(tmp_path / "run")
    assert "--data" in refused(words[0], *words[3:])
    assert "--out" in refused(*words[:3], *words[5:])
    assert "--out" in refused("prepare", str(spine.recordings))
    assert "no folder of recordings" in refused("prepare", "--out", str(tmp_path / "data"))
    assert "--steps needs a value" in refused(*words[:5], "--steps")
    assert "--out" in refused("corpus").lower()


@pytest.mark.parametrize("out", ["none/o.wav", "o.mp4", "o", "taken.wav"])
def test_speech_that_cannot_be_written_is_refused_before_it_is_made(refused, spine, tmp_path, monkeypatch, out):
    from valle_core.synthesis import synthesizer

    monkeypatch.setattr(synthesizer, "decode", lambda *_, **__: pytest.fail("spoke before checking --out"))
    (tmp_path / "taken.wav").mkdir()
    assert "--out" in refused(*spine.speaking(tmp_path / out))


@pytest.mark.parametrize("picture", ["none/o.png", "o.jpg"])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_said(refused, spine, tmp_path, picture):
    line = refused(*spine.speaking(tmp_path / "o.wav", "--spectrogram", str(tmp_path / picture)))
    assert "--spectrogram" in line


def test_a_file_where_a_folder_should_be_is_refused(refused, spine, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path / "mine.txt", tmp_path / "mine.txt" / "deeper"):
        assert "mine.txt" in refused(*spine.training(out))
        assert "mine.txt" in refused("prepare", str(spine.recordings), "--out", str(out), "--codec", "mel-gl")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_run_is_not_trained_over(refused, spine):
    assert "--resume" in refused(*spine.training(spine.run))


def test_resuming_with_another_shape_is_refused(refused, spine):
    assert "another shape" in refused(*spine.training(spine.run, "--resume", "--arch.d-model", "48", "--steps", "12"))


def test_resuming_with_another_arch_is_refused_by_name(refused, spine):
    err = refused(*spine.training(spine.run, "--resume", "--arch", "retnet", "--steps", "12"))
    assert "was trained with --arch transformer; resume with the options of the run" in err
