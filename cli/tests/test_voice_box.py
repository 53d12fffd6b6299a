"""The voice that speaks where no model is named: found, read, refused in one line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from valle.boxes import VoiceBox, box_of, installed_box, is_box, read_box
from valle.following import prompt_of
from valle.speaker import load
from valle_cli.demo.recipe import GREETING, greet
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.registry.scan import Found
from valle_core.synthesis.options import SYNTHESIS_SCHEMA, SynthesisOptions

ABOUT = {
    "format_version": 1,
    "samplers": [{"name": "temperature", "t": 0.8}, {"name": "sample"}],
    "voices": [
        {"name": "ada", "sounds": "female", "seconds": 0.06},
        {"name": "ben", "sounds": "male", "seconds": 0.08},
    ],
}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "voice.json").write_text(json.dumps(ABOUT))
    codes = {"ada": torch.ones(3, 8, dtype=torch.int16), "ben": torch.zeros(4, 8, dtype=torch.int16)}
    save_file(codes, tmp_path / "voices.safetensors")
    return tmp_path


def test_the_first_voice_speaks_and_others_by_name(folder):
    box = read_box(folder)
    assert list(box.voices) == ["ada", "ben"]
    assert box.prompt().tolist() == torch.ones(3, 8).tolist()
    assert box.prompt("ben").shape == (4, 8)
    assert box.prompt().dtype == torch.int64


def test_a_voice_that_is_not_there_is_refused_with_those_there_are(folder):
    with pytest.raises(UserError, match=r"^there is no voice 'eva'\. Choose one of: ada, ben$"):
        read_box(folder).prompt("eva")


def test_the_box_brings_its_halves_and_samplers(folder):
    registry = Registry.open()
    resolved = resolve(SYNTHESIS_SCHEMA, registry)
    found = read_box(folder).configured(resolved, registry, own_samplers=True)
    options = found.sections["synthesis"]
    assert (options.model, options.nar_model) == (str(folder / "ar"), str(folder / "nar"))
    assert [part.name for part in found.parts["sampler"]] == ["temperature", "sample"]
    assert found.parts["sampler"][0].options.t == 0.8
    kept = read_box(folder).configured(resolved, registry, own_samplers=False)
    assert kept.parts["sampler"] == resolved.parts["sampler"]


@pytest.mark.parametrize(
    ("own", "written", "durations"),
    [(True, "speed: 2.0", "usual"), (True, "durations: drawn", "drawn"), (False, "", "drawn")],
)
def test_the_box_brings_its_durations_unless_some_were_asked_for(folder, tmp_path, own, written, durations):
    (folder / "voice.json").write_text(json.dumps(ABOUT | {"durations": "usual"}))
    config, registry = tmp_path / "config.yaml", Registry.open()
    config.write_text(written)
    resolved = resolve(SYNTHESIS_SCHEMA, registry, yaml_file=config)
    found = read_box(folder).configured(resolved, registry, own_samplers=True, own_durations=own, config=config)
    assert found.sections["synthesis"].durations == durations


@pytest.mark.parametrize(("given", "own"), [({}, True), ({"durations": "drawn"}, False)])
def test_durations_given_to_load_count_before_those_of_the_box(folder, monkeypatch, given, own):
    def configured(self, *_, own_durations, **__):
        raise UserError(f"own: {own_durations}")

    monkeypatch.setattr(VoiceBox, "configured", configured)
    with pytest.raises(UserError, match=f"^own: {own}$"):
        load(folder, **given)


@pytest.mark.parametrize(
    ("written", "samplers"),
    [("speed: 2.0", ["temperature", "sample"]), ("sampler: greedy", ["greedy"])],
)
def test_a_configuration_that_names_no_sampler_leaves_the_box_its_own(folder, tmp_path, written, samplers):
    config, registry = tmp_path / "config.yaml", Registry.open()
    config.write_text(written)
    resolved = resolve(SYNTHESIS_SCHEMA, registry, yaml_file=config)
    found = read_box(folder).configured(resolved, registry, own_samplers=True, config=config)
    assert [part.name for part in found.parts["sampler"]] == samplers
    assert found.sections["synthesis"].speed == resolved.sections["synthesis"].speed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "format_version must be 1, got 2"),
        ({"voices": []}, "it names no voice"),
        ({"durations": "long"}, "durations must be drawn or usual, got 'long'"),
        ({"voices": [{"name": "ada"}]}, "it lacks 'sounds'"),
        ({"samplers": "top_p"}, "'samplers' must be a list"),
    ],
)
def test_a_damaged_box_is_refused(folder, change, reason):
    (folder / "voice.json").write_text(json.dumps(ABOUT | change))
    with pytest.raises(UserError, match=reason):
        read_box(folder)


def test_prompts_that_are_damaged_are_refused(folder):
    (folder / "voices.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="the voice 'ada' cannot be read"):
        read_box(folder).prompt()


def announced(value: str) -> list[Found]:
    return [Found(group="valle.voices", name="x", value=value, distribution="acme-voice", version="1")]


def test_without_a_model_and_without_a_voice_it_says_what_to_do():
    with pytest.raises(UserError, match=r"no voice is installed\. .* valle plugins install valle-voice\. Name"):
        installed_box([])


def test_an_empty_box_says_that_it_holds_no_weights(tmp_path, monkeypatch):
    (tmp_path / "empty_voice.py").write_text("from pathlib import Path\n\nFOLDER = Path(__file__).parent / 'model'\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"this build holds no weights \(acme-voice is installed and its box is"):
        installed_box(announced("empty_voice:FOLDER"))


def test_a_broken_box_is_named():
    with pytest.raises(UserError, match=r"no model is named, and voice box 'x' \(acme-voice\) is broken: "):
        installed_box(announced("no_such_module_of_a_voice:FOLDER"))


def test_a_model_may_be_a_box(folder):
    assert is_box(folder)
    box = box_of(SynthesisOptions(model=str(folder)))
    assert box is not None
    assert box.folder == folder
    assert box_of(SynthesisOptions(model=str(folder.parent))) is None


def test_other_levels_without_a_level_0_are_refused(folder):
    with pytest.raises(UserError, match="without a level 0; add --model RUN"):
        box_of(SynthesisOptions(nar_model="runs/nar"))


def test_a_box_takes_no_other_levels(folder):
    with pytest.raises(UserError, match="is a voice box, which has all levels; leave --nar-model out"):
        box_of(SynthesisOptions(model=str(folder), nar_model="runs/nar"))


def test_a_voice_and_a_prompt_exclude_each_other(folder):
    box = read_box(folder)
    with pytest.raises(UserError, match="both a prompt and the voice 'ada' are given; give one"):
        prompt_of(box, "ada", Path("my.wav"))
    assert prompt_of(box, "", Path("my.wav")) == Path("my.wav")
    assert prompt_of(None, "", None) is None


def test_the_demo_lets_the_voice_speak_first(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("valle.boxes.installed_box", lambda: read_box(folder))
    calls: list[tuple[object, ...]] = []
    greet(lambda *words: calls.append(words) or 0, tmp_path / "demo")
    assert calls == [("synth", GREETING, "--out", tmp_path / "demo" / "voice.wav")]


def test_the_demo_goes_on_without_weights(tmp_path, monkeypatch, capsys):
    def empty():
        raise UserError("this build holds no weights")

    monkeypatch.setattr("valle.boxes.installed_box", empty)
    greet(lambda *words: pytest.fail("nothing can speak"), tmp_path)
    assert "no voice speaks before the training: this build holds no weights" in capsys.readouterr().err


def test_the_demo_goes_on_where_the_voice_cannot_speak(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("valle.boxes.installed_box", lambda: read_box(folder))
    greet(lambda *words: 2, tmp_path)  # as where hibari-tts is not installed
    assert "note: the voice cannot speak, see above; the training needs none of it" in capsys.readouterr().err
