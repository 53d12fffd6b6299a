"""A run keeps the order of its rows and the memory of its heads, whatever the defaults are by then."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from valle_core.checkpoint.load import load_model
from valle_core.registry.registry import Registry

TINY = ("--arch.d-model", "16", "--arch.n-layers", "1", "--batching.seconds", "80", "--device", "cpu", "--quiet")


@pytest.fixture
def trained(valle, spine, tmp_path):
    """`trained("retnet", …)` → the run."""

    def trained(arch: str, *more: str) -> Path:
        words = ["train", "--data", spine.data, "--out", tmp_path / "run", "--arch", arch, *TINY, "--steps", "1", *more]
        code, _, err = valle(*words)
        assert code == 0, err
        return tmp_path / "run"

    return trained


def stored(run: Path) -> dict:
    return yaml.safe_load(next(run.glob("checkpoints/*/model.yaml")).read_text())


def loaded(run: Path):
    return load_model(run, Registry.open(), device=torch.device("cpu")).model


def as_if_older(run: Path) -> None:
    """Take out of its files what is younger than the first checkpoints."""
    for path in (run / "config.yaml", next(run.glob("checkpoints/*/model.yaml"))):
        written = yaml.safe_load(path.read_text())
        written["model"].pop("layout", None)
        written["arch"].pop("decays", None)
        path.write_text(yaml.safe_dump(written))
    manifest = next(run.glob("checkpoints/*/manifest.json"))
    facts = json.loads(manifest.read_text()) | {"format_version": 1, "files": {}}
    manifest.write_text(json.dumps(facts))


@pytest.mark.parametrize("arch", ["retnet", "mamba", "llama"])
def test_a_new_run_has_its_text_next_to_the_answer_and_keeps_that(trained, arch):
    run = trained(arch)
    assert stored(run)["model"]["layout"] == "text-last"
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["layout"] == "text-last"
    assert loaded(run).rules.layout == "text-last"


def test_a_layout_that_was_asked_for_is_kept(trained):
    run = trained("retnet", "--model.layout", "text-both", "--arch.decays", "4", "--arch.decays", "9")
    assert loaded(run).rules.layout == "text-both"
    assert loaded(run).backbone.sizes.decays == (4.0, 9.0)


def test_an_older_checkpoint_keeps_its_order_and_its_decays_when_loaded_and_resumed(trained, valle, refused):
    run = trained("retnet", "--model.layout", "text-first")
    as_if_older(run)
    assert loaded(run).rules.layout == "text-first"
    assert loaded(run).backbone.sizes.decays == ()
    again = ["train", "--config", run / "config.yaml", "--resume", "--steps", "2", "--quiet"]
    message = refused(*again, "--model.layout", "text-both")
    assert "was trained with model.layout text-first, got text-both; leave --model.layout out" in message
    code, _, err = valle(*again)
    assert code == 0, err
    assert loaded(run).rules.layout == "text-first"
    assert loaded(run).backbone.sizes.decays == ()


def test_a_run_keeps_its_tasks_options_and_cuts_a_longer_prompt_to_them(trained, valle, spine, tmp_path):
    run = trained("llama", "--task", "tts", "--task.min-seconds", "0.3", "--task.max-seconds", "0.6",
                  "--task.no-prompt", "0", "--task", "tts-c", "--task.seconds", "0.5")  # fmt: skip
    manifest = next(run.glob("checkpoints/*/manifest.json"))
    assert json.loads(manifest.read_text())["task_options"]["tts-c"]["seconds"] == 0.5
    speaking = [
        "synth",
        "the boat sails. rain falls.",
        "--model",
        run,
        "--out",
        tmp_path / "o.wav",
        "--max-duration",
        "0.3",
    ]
    with_prompt = [*speaking, "--prompt", spine.prompt]
    err = valle(*with_prompt)[2]
    assert err.count("and the model was trained on prompts of 0.3 to 0.6 s: cut ") == 1, err
    assert "was never trained without one" in valle(*speaking)[2]
    facts = json.loads(manifest.read_text())
    del facts["task_options"]
    manifest.write_text(json.dumps(facts))
    code, _, err = valle(*with_prompt)
    assert code == 0
    assert "trained on prompts" not in err


def test_every_arch_has_the_same_dropout_unless_told():
    registry = Registry.open()
    chances = {arch: registry.select("arch", arch).options_type()().dropout for arch in registry.names("arch")}
    assert set(chances.values()) == {0.0}, chances
