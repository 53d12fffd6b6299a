"""Installed hooks are called where they should be by the real commands, and can be switched off."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from valle_core.audio.wav import load
from valle_testing.fakes.distribution import announce

HOOKS = """
from pathlib import Path
from valle_core.plugin import HookSpec
from valle_core.registry.hooks import hookimpl
SPEC = HookSpec(name="witness", api=1, summary="Writes down what it is given", plugin="acme_witness:Witness")
LOG = Path({log!r})
def note(*words):
    with LOG.open("a") as file:
        print(*words, file=file)
class Witness:
    @hookimpl
    def train_start(facts): note("start", facts["step"], facts["steps"])
    @hookimpl
    def train_step_end(step): note("step", step)
    @hookimpl
    def checkpoint_saved(step, path): note("saved", step, (path / "manifest.json").is_file())
    @hookimpl
    def train_end(step): note("end", step)
    @hookimpl
    def after_audio(wav, sample_rate, facts):
        note("audio", sample_rate, facts["text"])
        return wav * 0
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Lines the installed witness has written, since it was last asked."""
    site, log = tmp_path / "site", tmp_path / "log"
    entries = {"valle.hooks": {"witness": "acme_witness:SPEC"}}
    announce(site, "acme-witness", entries, acme_witness=HOOKS.format(log=str(log)))
    monkeypatch.syspath_prepend(str(site))

    def calls() -> list[str]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    yield calls
    sys.modules.pop("acme_witness", None)


def test_training_tells_start_every_step_checkpoints_and_end(valle, spine, calls, tmp_path):
    code, _, err = valle(*spine.training(tmp_path / "run", "--steps", "3", "--checkpoint-every", "2"))
    assert code == 0, err
    assert calls() == [
        "start 0 3", "step 1", "step 2", "saved 2 True", "step 3", "saved 3 True", "end 3",
    ]  # fmt: skip


def test_all_speech_that_is_written_has_passed_the_hook_once(valle, spine, calls, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("rain falls\nwe sing\n")
    prompt = ["--prompt", str(spine.prompt)]
    routes: dict[Path, list[str]] = {
        tmp_path / "one.wav": [*spine.speaking(tmp_path / "one.wav"), *prompt],
        tmp_path / "two.flac": [*spine.speaking(tmp_path / "two.flac"), "--json"],
        tmp_path / "three-1.wav": [
            "synth", "--text-file", str(lines), "--model", str(spine.run), "--out", str(tmp_path / "three.wav"),
            "--max-duration", "0.5", "--spectrogram", str(tmp_path / "three.png"),
        ],
    }  # fmt: skip
    texts = [["the boat sails"], ["the boat sails"], ["rain falls", "we sing"]]
    for (path, argv), spoken in zip(routes.items(), texts, strict=True):
        code, _, err = valle(*argv)
        assert code == 0, err
        assert calls() == [f"audio 16000 {text}" for text in spoken]
        assert not load(path, 16000).any(), "what is written is not what the hook gave"


def test_a_hook_that_is_switched_off_is_not_called(valle, spine, calls, tmp_path, monkeypatch):
    assert valle("--safe", *spine.speaking(tmp_path / "a.wav"))[0] == 0
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", "acme-witness")
    assert valle(*spine.speaking(tmp_path / "b.wav"))[0] == 0
    assert calls() == []
