"""Python and the command line are one: equal options give equal speech, runs and datasets, by the same functions."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from valle_samplers import Beam, Greedy, Sample, TopK

import valle
from valle.boxes import read_box
from valle.speaker import Speaker
from valle_core.synthesis.prompt import encode_prompt as once
from valle_core.training.loop import TrainResult

SMALL = {
    "arch": {"name": "transformer", "d_model": 32, "n_layers": 1, "n_heads": 2},
    "batching": {"seconds": 80},
    "device": "cpu",
}


@pytest.fixture
def command(request):
    """`command("synth", …)` → (exit code, stdout, stderr)."""
    return request.getfixturevalue("valle")


@pytest.fixture(scope="module")
def voice(spine) -> Speaker:
    return valle.load(spine.run, device="cpu")


pytestmark = pytest.mark.filterwarnings("ignore::valle.SpeechWarning")


def test_speech_is_the_same_by_both_ways(command, voice, spine, tmp_path):
    chain = ("--sampler", "top_k", "--sampler.k", "20", "--sampler", "sample", "--seed", "3")
    code, _, err = command(*spine.speaking(tmp_path / "line.wav", "--prompt", str(spine.prompt), *chain))
    assert code == 0, err
    speech = voice.speak("the boat sails", prompt=spine.prompt, sampler=[TopK(k=20), Sample()], seed=3, max_seconds=0.5)
    assert speech.save(tmp_path / "python.wav") == tmp_path / "python.wav"
    assert (tmp_path / "python.wav").read_bytes() == (tmp_path / "line.wav").read_bytes()


def test_the_command_speaks_through_the_speaker(command, spine, tmp_path, monkeypatch):
    asked = []

    def speak(self, text, **options):
        asked.append((text, options["seed"]))
        raise valle.UserError("enough")

    monkeypatch.setattr(Speaker, "speak", speak)
    code, _, err = command(*spine.speaking(tmp_path / "o.wav", "--seed", "4"))
    assert (code, asked) == (2, [(["the boat sails"], [4])])
    assert err.splitlines()[-1] == "error: enough"


def test_a_sampler_of_one_call_is_of_that_call_alone(voice):
    usual = voice.speak("rain falls", seed=1, max_seconds=0.3)
    greedy = voice.speak("rain falls", seed=1, max_seconds=0.3, sampler=Greedy())
    assert voice.speak("rain falls", seed=2, max_seconds=0.3, sampler="greedy").codes.equal(greedy.codes)
    assert not greedy.codes.equal(usual.codes)
    assert voice.speak("rain falls", seed=1, max_seconds=0.3).codes.equal(usual.codes)


def test_samplers_of_load_are_taken_built_too(spine, voice):
    greedy = voice.speak("rain falls", max_seconds=0.3, sampler="greedy")
    loaded = valle.load(spine.run, device="cpu", sampler=[Greedy()], nar_sampler="greedy")
    assert loaded.speak("rain falls", seed=9, max_seconds=0.3).codes.equal(greedy.codes)


def test_a_search_is_a_sampler_of_level_0_alone(voice, spine):
    found = [
        voice.speak("rain falls", sampler=one, seed=seed, max_seconds=0.3) for one, seed in ((Beam(), 1), ("beam", 2))
    ]
    assert found[0].codes.equal(found[1].codes)
    with pytest.raises(valle.UserError, match="sampler beam looks for whole answers, and levels ≥ 1 are chosen frame"):
        valle.load(spine.run, device="cpu", nar_sampler="beam")


def test_several_texts_are_a_batch_in_which_each_is_what_it_is_alone(voice):
    several = voice.speak(["rain falls", "the boat sails"], seed=5, max_seconds=0.3)
    alone = [voice.speak("rain falls", seed=5, max_seconds=0.3), voice.speak("the boat sails", seed=6, max_seconds=0.3)]
    assert [speech.seed for speech in several] == [5, 6]
    assert [speech.text for speech in several] == ["rain falls", "the boat sails"]
    assert all(one.codes.equal(other.codes) for one, other in zip(several, alone, strict=True))
    named = voice.speak(("rain falls", "rain falls"), seed=[6, 6], max_seconds=0.3)
    assert named[0].codes.equal(named[1].codes)
    assert voice.timing.audio_seconds == pytest.approx(0.6, abs=0.1)


def test_speech_comes_in_chunks_while_it_is_made(voice):
    text = "the boat sails. rain falls."
    chunks = list(voice.stream(text, seed=3, max_seconds=0.6))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {chunk.text for chunk in chunks} == {"the boat sails.", "rain falls."}
    whole = voice.speak(text, seed=3, max_seconds=0.6)
    assert sum(len(chunk.samples) for chunk in chunks) == len(whole.samples)
    assert [round(chunk.start * 16_000) for chunk in chunks[1:]] == [
        sum(len(one.samples) for one in chunks[:k]) for k in range(1, len(chunks))
    ]
    with pytest.raises(valle.UserError, match="max_seconds must be in"):
        voice.stream(text, max_seconds=0)
    with pytest.raises(valle.UserError, match="has no words"):
        voice.stream("?!")


def test_codes_of_a_speech_are_a_prompt(voice):
    first = voice.speak("rain falls", max_seconds=0.5)
    assert voice.speak("the boat sails", prompt=first.codes, max_seconds=0.3).samples.size > 0


def test_what_a_listener_should_know_is_a_warning(voice):
    with pytest.warns(valle.SpeechWarning, match="ran into its bound") as found:
        speech = voice.speak("rain falls", max_seconds=0.3)
    assert [str(one.message) for one in found] == list(speech.warnings)
    assert found[0].filename == __file__


REFUSED = {
    "a speed without an alignment": ({"speed": 2.0}, "trained without an alignment, so it takes no speed"),
    "a speed out of range": ({"speed": 9}, "speed must be in [0.25, 4], got 9"),
    "a saved voice of a run": ({"voice": "ada"}, "there is no voice 'ada'"),
    "an empty prompt": ({"prompt": ""}, "the prompt must be a path, got an empty text"),
    "a prompt of another kind": ({"prompt": np.zeros(8)}, "the prompt must be a path, got ndarray"),
    "a prompt that is not there": ({"prompt": "no.wav"}, "audio 'no.wav' does not exist. Check the path"),
    "an unknown sampler": ({"sampler": "topk"}, "there is no sampler 'topk'. Did you mean 'top_k'?"),
    "an unknown language": ({"language": "xx"}, "language 'xx' is unknown"),
    "seeds of other texts": ({"seed": [1, 2]}, "seed must be one number, or one for each of the 1 texts, got 2"),
    "a speed in words": ({"speed": "fast"}, "speed must be a number, got 'fast'"),
    "a language that is no tag": ({"language": 5}, "language must be a text, got 5"),
    "a seed in words": ({"seed": "one"}, "seed must be a whole number, or one for each text, got 'one'"),
    "a seed in parts": ({"seed": [0.5]}, "seed must be a whole number, or one for each text, got 0.5"),
    "a pause of truth": ({"pause": True}, "pause must be a number, got True"),
    "no seconds": ({"max_seconds": 0}, "max_seconds must be in (0, 3600] s, got 0"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_refused_in_one_line(voice, options, message):
    with pytest.raises(valle.UserError) as refused:
        voice.speak("rain falls", **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_text_is_refused(voice):
    for text, message in (("", "text is empty"), (" ", "text is empty"), ([], "no text given")):
        with pytest.raises(valle.UserError, match=message):
            voice.speak(text)
    for text in (None, 5, b"rain", ["rain", None]):
        with pytest.raises(valle.UserError, match="text must be a text or a list of texts, got "):
            voice.speak(text)


@pytest.fixture
def box(spine, tmp_path, voice) -> Path:
    """A voice box whose halves are the run."""
    folder = tmp_path / "box"
    for half in ("ar", "nar"):
        shutil.copytree(spine.run / "checkpoints", folder / half / "checkpoints")
    about = {
        "format_version": 1,
        "samplers": [{"name": "greedy"}],
        "voices": [{"name": name, "sounds": "odd", "seconds": 0.1} for name in ("ada", "ben")],
    }
    (folder / "voice.json").write_text(json.dumps(about))
    codes = voice.speak("rain falls", max_seconds=0.5).codes.to(torch.int16)
    save_file({"ada": codes[:20].contiguous(), "ben": codes[20:40].contiguous()}, folder / "voices.safetensors")
    return folder


def test_without_a_name_the_voice_in_the_box_speaks(box, monkeypatch):
    monkeypatch.setattr("valle.boxes.installed_box", lambda: read_box(box))
    boxed = valle.load(device="cpu")
    assert boxed.voices == {"ada": "odd", "ben": "odd"}
    with pytest.raises(valle.UserError, match="nothing was timed yet"):
        _ = boxed.timing
    assert repr(boxed) == f"Speaker(en-us at {boxed.sample_rate} Hz, voices ada, ben)"
    ada, ben = (boxed.speak("rain falls", voice=name, max_seconds=0.3) for name in ("ada", "ben"))
    assert boxed.speak("rain falls", seed=9, max_seconds=0.3).codes.equal(ada.codes)  # its own sampler is greedy
    assert not ben.codes.equal(ada.codes)
    drawn = valle.load(box, device="cpu", sampler=[TopK(k=50), Sample()]).speak("rain falls", max_seconds=0.3)
    assert not drawn.codes.equal(ada.codes)
    with pytest.raises(valle.UserError, match=r"there is no voice 'eva'\. Choose one of: ada, ben"):
        boxed.speak("rain falls", voice="eva")


@pytest.mark.slow
def test_the_installed_voice_speaks_faster_and_slower():
    boxed = valle.load(device="cpu", durations="usual")
    slow, usual, fast = (boxed.speak("Any English text.", voice="ben", speed=rate) for rate in (0.5, None, 1.5))
    assert slow.seconds == pytest.approx(2 * usual.seconds, rel=0.1)
    assert usual.seconds == pytest.approx(1.5 * fast.seconds, rel=0.1)
    assert len(usual.words) == 3
    searched = boxed.speak("Any English text.", voice="ben", sampler=[TopK(k=5), Beam(width=2)])
    assert [word.symbols for word in searched.words] == [word.symbols for word in usual.words]
    quick = valle.load(device="cpu", durations="usual", speed=1.5).speak("Any English text.", voice="ben")
    assert quick.codes.equal(fast.codes)


def test_a_model_that_is_not_there_is_refused(tmp_path):
    for model, message in ((tmp_path / "no", "no such run"), ("", "model must be a path, got an empty text")):
        with pytest.raises(valle.UserError, match=message):
            valle.load(model)


def test_training_and_preparing_are_the_same_by_both_ways(spine, tmp_path):
    data = valle.prepare(spine.recordings, out=tmp_path / "data", codec="mel-gl", device="cpu")
    report = json.loads((spine.data / "report.json").read_text())
    assert (data.utterances, data.new, data.left_out, data.finished) == (report["utterances"], 8, {}, True)
    assert (data.seconds, data.speakers, data.languages) == (report["seconds"], 2, report["languages"])
    assert str(data).startswith("8 utterances of 2 speakers")
    assert valle.prepare(spine.recordings, out=tmp_path / "data", codec="mel-gl").new == 0

    lines = []
    run = valle.train(data, out=tmp_path / "run", steps=10, report=lines.append, **SMALL)
    assert (run.step, run.ended_by, run.path) == (10, "steps", tmp_path / "run")
    own = [line["loss"] for line in run.metrics]
    line = [json.loads(text)["loss"] for text in (spine.run / "metrics.jsonl").read_text().splitlines()]
    assert own == line == [one["loss"] for one in lines]
    assert run._repr_png_() == run.curve.read_bytes()
    assert run.checkpoint.name == "step-00000010"

    more = valle.train(config=run.config, resume=True, steps=12)
    assert (more.path, more.step) == (run.path, 12)
    again = valle.train(data, out=tmp_path / "again", steps=1, init_from=run, **SMALL)
    speech = valle.load(again, device="cpu").speak("rain falls", max_seconds=0.2)
    assert 0 < speech.seconds < 0.4


def test_the_command_trains_by_the_same_function(command, spine, tmp_path, monkeypatch):
    given = []

    def stop(resolved, registry, **more):
        given.append(resolved.sections["train"].steps)
        raise valle.UserError("enough")

    monkeypatch.setattr("valle.training.run_resolved", stop)
    assert command(*spine.training(tmp_path / "run"))[0] == 2
    with pytest.raises(valle.UserError, match="enough"):
        valle.train(spine.data, out=tmp_path / "run", steps=10)
    assert given == [10, 10]


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_saves_and_then_stops_the_program(spine, tmp_path, monkeypatch, number, raised):
    monkeypatch.setattr(
        "valle.training.run_training",
        lambda *_, **__: TrainResult(step=10, reason="interrupted", last_line={}, seconds=1.0, signal=int(number)),
    )
    monkeypatch.setattr("valle.training.draw_curves", lambda *_: None)
    with pytest.raises(raised) as stopped:
        valle.train(spine.data, out=spine.run)
    assert str(spine.run) in str(stopped.value) or stopped.value.args == (143,)


def test_a_misspelt_option_is_named_as_it_was_written(spine, tmp_path):
    with pytest.raises(valle.UserError, match=r"^stepz: unknown key 'stepz'. Did you mean 'steps'\?"):
        valle.train(spine.data, out=tmp_path / "run", stepz=3)
    with pytest.raises(valle.UserError, match=r"^codec.bands: codec 'mel-gl' has no option 'bands'"):
        valle.prepare(spine.recordings, out=tmp_path / "data", codec={"name": "mel-gl", "bands": 3})
    with pytest.raises(valle.UserError, match=r"^durations: expected one of drawn, usual, got 'long'"):
        valle.load(spine.run, durations="long")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_run_is_needed(spine):
    with pytest.raises(valle.UserError, match="no folder given for the run"):
        valle.train(spine.data)
    with pytest.raises(valle.UserError, match="no dataset given"):
        valle.train(out="run")
    with pytest.raises(valle.UserError, match="no folder of recordings given"):
        valle.prepare(out="data")


def test_a_voice_is_kept_and_speaks_as_its_recording(command, spine, tmp_path, monkeypatch):
    where = ("--voices", str(tmp_path / "voices"))
    code, out, err = command("voices", "add", "me", spine.prompt, "--model", spine.run, "--device", "cpu", *where)
    assert code == 0, err
    assert out.startswith("me: ")
    encoded = []

    def counted(path, *given, **more):
        encoded.append(path)
        return once(path, *given, **more)

    monkeypatch.setattr("valle.speaker.encode_prompt", counted)
    kept = valle.load(spine.run, device="cpu", voices=tmp_path / "voices")
    assert kept.voices == {"me": ""}
    text = "The boat sails. Rain falls."
    by_name = kept.speak(text, voice="me", max_seconds=0.3)
    assert encoded == []
    assert kept.speak(text, prompt=spine.prompt, max_seconds=0.3).codes.equal(by_name.codes)
    assert len(encoded) == 1  # though each sentence follows it
    saying = spine.speaking(tmp_path / "o.wav", "--voice", "me", *where)
    assert command(*saying)[0] == 0
    code, _, err = command("voices", "add", "me", spine.prompt, "--model", spine.run, "--device", "cpu", *where)
    assert (code, err.splitlines()[-1]) == (
        2,
        "error: there is a voice 'me' already; choose another name, or --replace it",
    )
