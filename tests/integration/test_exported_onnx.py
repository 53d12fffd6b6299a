"""`valle export --format onnx`: the codes of `valle synth`, with numpy and onnxruntime alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from valle_core.api import Observers, Registry, Request, open_synthesizer, resolve
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

pytest.importorskip("onnxscript")

ALONE = """
import json, runpy, sys
for name in ("torch", "valle_core", "valle", "valle_export"):
    sys.modules[name] = None
sys.argv = ["speak.py", *json.loads(sys.argv[1])]
runpy.run_path(FOLDER + "/speak.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def run(spine, tmp_path_factory) -> Path:
    """A short run of llama over the codec `tiny`."""
    return trained(spine, tmp_path_factory.mktemp("onnx"), "--model.levels", "4", "--alignment", "none")


def trained(spine, root: Path, *flags: str) -> Path:
    """A run on the spoken recordings and the times of their phonemes."""
    from valle_cli.main import run as valle

    table = spine.recordings.with_suffix(".jsonl")
    words = [
        "prepare",
        table,
        "--frontend",
        "espeak",
        "--out",
        root / "data",
        "--codec",
        "tiny",
        "--device",
        "cpu",
        "--quiet",
    ]
    assert valle(list(map(str, words))) == 0
    words = ["train", "--data", root / "data", "--out", root / "run", "--arch", "llama", "--arch.d-model", "32",
             "--arch.n-layers", "2", "--arch.n-heads", "2", "--batching.seconds", "80", "--steps", "30", "--lr", "0.01",
             *flags, "--device", "cpu", "--quiet"]  # fmt: skip
    assert valle(list(map(str, words))) == 0
    return root / "run"


@pytest.mark.slow
def test_it_gives_the_codes_and_the_sound_of_the_run(valle, run, spine, tmp_path):
    from valle_export.onnx.runtime import OnnxSpeaker

    code, out, err = valle("export", run, "--out", tmp_path / "model", "--format", "onnx", "--json")
    assert code == 0, err
    assert json.loads(out)["graphs"] == ["step.onnx", "levels.onnx", "codec.onnx"]
    flags = {"model": str(run), "sampler": "greedy", "nar_sampler": "greedy", "device": "cpu"}
    registry = Registry.open()
    speak = open_synthesizer(resolve(SYNTHESIS_SCHEMA, registry, flags=flags.items()), registry, Observers())
    prompt = torch.randint(256, (60, 8), generator=torch.Generator().manual_seed(0))
    request = Request(text="the boat sails tonight", prompt=prompt, max_seconds=0.8)
    (speech,) = speak([request])
    speaker = OnnxSpeaker(tmp_path / "model")
    codes = speaker.codes(speech.symbols, prompt.numpy(), max_frames=40)
    n = min(len(codes), len(speech.codes))
    assert n > 10
    assert np.array_equal(codes[:n], speech.codes[:n].numpy())
    wav, _ = speak.components.codec.decode(torch.from_numpy(codes)[None], torch.tensor([len(codes)]))
    assert np.abs(speaker.sound(codes) - wav[0].numpy()).max() < 0.01

    np.save(tmp_path / "prompt.npy", prompt.numpy())
    symbols = " ".join("|" if one == " " else one for one in speech.symbols)
    words = [symbols, "--prompt", str(tmp_path / "prompt.npy"), "--out", str(tmp_path / "alone.wav")]
    script = ALONE.replace("FOLDER", repr(str(tmp_path / "model")))
    found = subprocess.run([sys.executable, "-c", script, json.dumps(words)], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert soundfile.info(tmp_path / "alone.wav").samplerate == 16_000


@pytest.mark.slow
def test_two_halves_with_a_pointer_give_their_codes(valle, refused, spine, tmp_path):
    from valle_export.onnx.runtime import OnnxSpeaker

    flags = "--model.levels", "2", "--alignment", "pointer", "--model.parts"
    ar, nar = [trained(spine, tmp_path / part, *flags, part) for part in ("ar", "nar")]
    words = "export", ar, "--nar-model", nar, "--out", tmp_path / "model", "--format", "onnx"
    code, out, err = valle(*words, "--json")
    assert code == 0, err
    graphs = ["step.onnx", "step_text.onnx", "levels.onnx", "levels_text.onnx", "codec.onnx"]
    assert json.loads(out)["graphs"] == graphs
    flags = {"model": str(ar), "nar_model": str(nar), "sampler": "greedy", "nar_sampler": "greedy", "device": "cpu",
             "durations": "usual", "vectors": "chosen"}  # fmt: skip
    registry = Registry.open()
    speak = open_synthesizer(resolve(SYNTHESIS_SCHEMA, registry, flags=flags.items()), registry, Observers())
    prompt = torch.randint(256, (60, 8), generator=torch.Generator().manual_seed(0))
    (speech,) = speak([Request(text="the boat sails tonight", prompt=prompt)])
    codes = OnnxSpeaker(tmp_path / "model").codes(speech.symbols, prompt.numpy())
    assert speech.stopped
    assert np.array_equal(codes, speech.codes.numpy())

    message = refused("export", nar, "--nar-model", ar, "--out", tmp_path / "wrong", "--format", "onnx")
    assert f"{nar} holds levels ≥ 1 only; name the run of level 0, and the other one with --nar-model" in message


def test_the_other_half_is_refused_where_each_is_exported_by_itself(refused, spine, tmp_path):
    message = refused("export", spine.run, "--nar-model", spine.run, "--out", tmp_path / "out")
    assert "--nar-model is for --format onnx; other formats take each half by itself" in message


def test_an_arch_without_attention_layers_is_refused_and_leaves_nothing(refused, valle, spine, tmp_path):
    words = spine.training(tmp_path / "run", "--steps", "1", "--arch", "retnet", "--alignment", "none")
    assert valle(*words)[0] == 0
    message = refused("export", tmp_path / "run", "--out", tmp_path / "out", "--format", "onnx")
    assert "format onnx exports backbones of attention layers, got RetNet" in message
    assert not (tmp_path / "out").exists()


def test_half_precision_is_refused(refused, spine, tmp_path):
    words = ["export", spine.run, "--out", tmp_path / "out", "--format", "onnx", "--dtype", "bfloat16"]
    assert "format onnx computes in float32; leave --dtype bfloat16 out" in refused(*words)
