"""Every task from the command line: one run of all of them, each asked once, and what does not fit refused by name."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from valle_cli.main import run as run_valle
from valle_core.audio.wav import read, write

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
