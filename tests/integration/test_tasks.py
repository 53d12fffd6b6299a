"""Every task from the command line: one run of all of them, each asked once, and what does not fit refused by name."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

import valle as valle_api
from valle_cli.main import run as run_valle
from valle_core.audio.wav import read, write
from valle_core.plugin import UserError

TASKS = ("tts", "ns", "sr", "tse", "vc", "cse", "nse", "len", "stt", "phn", "un-phn")


def quietly(*argv: object) -> None:
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = run_valle([str(word) for word in argv])
    assert code == 0, errors.getvalue()


@pytest.fixture(scope="module")
def trained(spine, tmp_path_factory) -> Path:
    """A run of all tasks, of a few steps."""
    root = tmp_path_factory.mktemp("tasks")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(3 * 16_000)
    write(root / "noises" / "fan" / "a.wav", hiss.astype(np.float32), 16_000)
    more = ("--codec", "mel-gl", "--device", "cpu", "--quiet")
    quietly("prepare-noise", root / "noises", "--out", root / "noise", *more)
    words = [word for name in TASKS for word in ("--task", name)]
    weights = ["--task-weights", str([2.0] + [1.0] * (len(TASKS) - 1))]
    kept = ["--data.noise", str(root / "noise"), "--data.mixes", str(root / "mixes"), "--log-every", "10"]
    kept += ["--batching.seconds", "60"]  # so that each task is drawn
    quietly(*spine.training(root / "run", *words, *weights, *kept))
    return root / "run"


def asked(run: Path, task: str, out: Path, *more: str) -> list[str]:
    return ["synth", "--model", str(run), "--task", task, "--out", str(out), "--max-duration", "0.3", *more]


def test_each_task_has_its_figures(trained):
    lines = [json.loads(text) for text in (trained / "metrics.jsonl").read_text().splitlines()]
    named = {key.removeprefix("loss_") for line in lines for key in line if key.startswith("loss_")}
    assert len(named & {*TASKS}) >= len(TASKS) - 2, "a task may have been drawn by no utterance"
    assert {"0", "symbols"} <= named


@pytest.mark.parametrize(("task", "more"), [("ns", ()), ("ns", ("the boat sails",)), ("sr", ())])
def test_noise_and_speech_are_parted_frame_for_frame(valle, spine, trained, tmp_path, task, more):
    code, _, err = valle(*asked(trained, task, tmp_path / "o.wav", "--input", str(spine.prompt), *more))
    assert code == 0, err
    given, rate = read(spine.prompt)
    made, made_rate = read(tmp_path / "o.wav")
    assert abs(len(made) / made_rate - len(given) / rate) < 0.03


@pytest.mark.parametrize("task", ["tse", "vc"])
def test_a_voice_is_extracted_and_converted(valle, spine, trained, tmp_path, task):
    sounds = ("--input", str(spine.prompt), "--prompt", str(spine.prompt))
    code, _, err = valle(*asked(trained, task, tmp_path / "o.wav", *sounds))
    assert code == 0, err
    assert (tmp_path / "o.wav").is_file()


@pytest.mark.parametrize("task", ["cse", "nse"])
def test_words_are_replaced_and_what_is_around_them_stays(valle, spine, trained, tmp_path, task):
    edit = ("--replace", "boat", "ship", "--input-text", "The boat sails tonight.", "--span", "[0.3, 0.6]")
    words = asked(trained, task, tmp_path / "o.wav", "--input", str(spine.prompt), *edit, "--json")
    code, out, err = valle(*words)
    assert code == 0, err
    given, rate = read(spine.prompt)
    assert json.loads(out)["speech"][0]["seconds"] >= len(given) / rate - 0.35


def test_words_are_found_where_they_are_said(valle, spine, trained, tmp_path):
    pytest.importorskip("pocketsphinx")
    said = spine.prompt.with_suffix(".txt").read_text(encoding="utf-8").strip()
    edit = ("--replace", said.split()[1], "--input-text", said, "--input", str(spine.prompt), "--json", "ship")
    code, out, err = valle(*asked(trained, "cse", tmp_path / "o.wav", *edit))
    assert code == 0, err
    given, rate = read(spine.prompt)
    made, made_rate = read(tmp_path / "o.wav")
    # A word went, and at most 0.3 s came: the rest is kept.
    assert 0.3 * len(given) / rate < len(made) / made_rate < len(given) / rate + 0.35
    assert json.loads(out)["speech"][0]["seconds"] == pytest.approx(len(made) / made_rate, abs=0.01)


def test_tasks_that_write_print_their_answer(valle, spine, trained, tmp_path):
    for task, words in {
        "len": ("the boat sails", "--prompt", str(spine.prompt)),
        "phn": ("the boat sails",),
        "un-phn": ("the boat sails",),
        "stt": ("--input", str(spine.prompt)),
    }.items():
        code, out, err = valle(*asked(trained, task, tmp_path / "o.wav", *words, "--json"))
        assert code == 0, err
        assert json.loads(out)["output"] in ("length", "symbols", "letters")
    assert not (tmp_path / "o.wav").exists()
    code, out, err = valle("transcribe", spine.prompt, "--model", trained, "--device", "cpu", "--json", "--quiet")
    assert code == 0, err
    assert json.loads(out)[0]["recording"] == str(spine.prompt)


@pytest.mark.parametrize(
    ("task", "more", "message"),
    [
        ("ns", (), "task 'ns' needs a recording to work on (--input)"),
        ("tse", ("--input", "{prompt}"), "task 'tse' needs a prompt (--prompt)"),
        ("sr", ("--input", "{prompt}", "words"), "task 'sr' takes no text"),
        ("cse", ("--input", "{prompt}"), "task 'cse' needs a part to replace"),
        ("tts", ("--input", "{prompt}", "words"), "task 'tts' takes no recording to work on"),
        ("ns", ("--input", "nothing.wav"), "--input nothing.wav: there is no such file"),
        ("ns", ("--input", "{prompt}", "--prompt-text", "a"), "--prompt-text is for tasks that continue their prompt"),
        ("stt", ("--input", "{prompt}", "--prompt", "{prompt}"), "task 'stt' takes no prompt (--prompt)"),
        ("ns", ("--input", "{prompt}", "--max-duration", "0"), "--max-duration must be in (0, 3600] s, got 0"),
        ("cse", ("--input", "{prompt}", "--span", "[0, 1]"), "--input-text and --span say where words are replaced"),
        ("cse", ("--input", "{prompt}", "--replace", "a", "--span", "1"), "span must be a start and an end in seconds"),
        (
            "cse",
            ("--input", "{prompt}", "--replace", "a", "b", "--input-text", "c", "--span", "[0, 0.1]"),
            "with --span, --input-text must contain 'a' once, got 'c'",
        ),
        ("tts", ("words", "--replace", "a"), "--replace is about a recording; name it with --input"),
        (
            "cse",
            ("--input", "{prompt}", "--replace", "a", "b", "--input-text", "a c", "--span", "[90, 91]"),
            "--span must be in [0, ",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(refused, spine, trained, tmp_path, task, more, message):
    words = [word.format(prompt=spine.prompt) for word in more]
    assert message in refused(*asked(trained, task, tmp_path / "o.wav", *words))


@pytest.mark.parametrize("task", ["ns", "tse", "vc", "cse", "stt", "len"])
def test_each_form_of_python_does_what_the_command_does(spine, trained, task):
    speaker = valle_api.load(trained, task=task, device="cpu")
    if task in ("stt", "len"):
        asked = {"input": spine.prompt} if task == "stt" else {"text": "the boat sails", "prompt": spine.prompt}
        assert speaker.write(**asked, max_seconds=0.3).output == {"stt": "symbols", "len": "length"}[task]
        with pytest.raises(UserError, match=f"task '{task}' gives no speech"):
            speaker.transform(spine.prompt)
        return
    more = {"prompt": spine.prompt} if task in ("tse", "vc") else {}
    more = {"text": "The ship sails.", "span": (0.3, 0.6)} if task == "cse" else more
    speech = speaker.transform(spine.prompt, **more, max_seconds=0.3)
    given, rate = read(spine.prompt)
    least = len(given) / rate - (0.35 if task == "cse" else 0.03)
    assert speech.seconds >= least
    with pytest.raises(UserError, match=f"task '{task}' gives speech"):
        speaker.write(input=spine.prompt, **({"text": "a"} if task == "cse" else more))


def test_level_0_alone_answers_in_writing_and_says_what_is_missing_to_speak(valle, refused, spine, tmp_path):
    words = ["--task", "stt", "--task", "vc", "--model.parts", "ar"]
    code, _, err = valle(*spine.training(tmp_path / "ar", *words, "--steps", "1"))
    assert code == 0, err
    code, _, err = valle("transcribe", spine.prompt, "--model", tmp_path / "ar", "--device", "cpu", "--quiet")
    assert code == 0, err
    sounds = ("--input", str(spine.prompt), "--prompt", str(spine.prompt))
    assert "holds level 0 only" in refused(*asked(tmp_path / "ar", "vc", tmp_path / "o.wav", *sounds))


def test_a_model_refuses_a_task_it_was_not_trained_for(refused, spine, tmp_path):
    line = refused(*asked(spine.run, "ns", tmp_path / "o.wav", "--input", str(spine.prompt)))
    assert line.endswith("was trained for --task tts, not for --task ns")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "tts", "--task", "tts"), "--task tts is given twice"),
        (("--task", "tts", "--task-weights", "[1, 2]"), "--task-weights: expected one for each task (tts), got"),
        (("--task", "tts", "--task-weights", "0"), "task-weights must be above 0, got"),
        (("--task", "ns"), "valle prepare-noise"),
        (("--task", "stt", "--model.parts", "nar"), "need level 0, which --model.parts nar leaves out"),
    ],
)
def test_runs_that_cannot_be_are_refused(refused, spine, tmp_path, words, message):
    assert message in refused(*spine.training(tmp_path / "r", *words))
