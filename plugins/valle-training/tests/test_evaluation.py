"""Held-out utterances are measured, spoken and drawn while a run goes on, and the run does not notice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from valle_training.evaluation.attention import Watched
from valle_training.evaluation.hook import HOOK, EvaluationHook
from valle_training.evaluation.undisturbed import undisturbed
from valle_training.plugin import EVALUATION

from valle_cli.main import run as valle
from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.data.dataset import open_dataset
from valle_core.registry.hooks import Observers, hookimpl
from valle_core.types import SequenceMask
from valle_data.made_dataset import write_dataset
from valle_data.storage.facts import write_manifest
from valle_testing import suite
from valle_testing.fakes.audio import tone_corpus
from valle_testing.runs import lines, train

test_it_conforms = suite.conformance("hook", lambda: HOOK, spec=EVALUATION)

SETTINGS = {
    "arch": "transformer", "arch.d_model": "32", "arch.n_layers": "1", "arch.n_heads": "2", "arch.dropout": "0.2",
    "steps": "5", "warmup": "2", "checkpoint_every": "5", "log_every": "1", "device": "cpu", "batching.seconds": "8",
    "text_gain_every": "0", "eval_every": "2", "eval_sentences": "1", "model.levels": "2",
}  # fmt: skip


@pytest.fixture(scope="module")
def sung(tmp_path_factory) -> Path:
    """A corpus of tones in codes of `tiny`, a part of it held out."""
    folder = tmp_path_factory.mktemp("sung")
    tone_corpus(folder / "wav", speakers=2, utterances=4, letters=4, seed=1)
    words = ["--codec", "tiny", "--frontend", "text", "--language", "en", "--held-out-fraction", "0.3", "--quiet"]
    assert valle(["prepare", str(folder / "wav"), "--out", str(folder / "data"), *words]) == 0
    return folder / "data"


def run(data: Path, out: Path, more: dict[str, object] | None = None, **changes: str) -> list[dict]:
    """The lines of the metrics of a run with the hook, and with `more`."""
    observers = Observers()
    for name, hook in {"evaluation": EvaluationHook(), **(more or {})}.items():
        observers.add(name, hook, critical=True)
    train(SETTINGS, data, out, observers=observers, **changes)
    return lines(out)


def losses(line: dict) -> dict:
    return {name: value for name, value in line.items() if name.startswith("held_out")}


@pytest.fixture(scope="module")
def evaluated(sung, tmp_path_factory) -> tuple[Path, list[dict]]:
    out = tmp_path_factory.mktemp("runs") / "on"
    return out, run(sung, out)


def test_the_losses_of_each_level_stand_in_the_metrics_at_every_multiple_and_at_the_end(evaluated):
    _, lines = evaluated
    assert [line["step"] for line in lines if losses(line)] == [2, 4, 5]
    found = losses(lines[1])
    assert sorted(found) == ["held_out_loss", "held_out_loss_0", "held_out_loss_1"]
    assert min(found["held_out_loss_0"], found["held_out_loss_1"]) < found["held_out_loss"]
    assert found["held_out_loss"] < max(found["held_out_loss_0"], found["held_out_loss_1"])


def test_speech_recording_and_pictures_lie_in_the_folder_of_the_step(evaluated):
    out, lines = evaluated
    folder = out / "eval" / "step-00000004"
    facts = json.loads((folder / "eval.json").read_text())
    (one,) = facts["sentences"]
    assert (facts["step"], facts["losses"], facts["notes"]) == (4, losses(lines[3]), [])
    assert sorted(path.name for path in folder.iterdir()) == [
        "1-recording.wav", "1.png", "1.wav", "attention.png", "eval.json",
    ]  # fmt: skip
    assert (one["speech"], one["spectrogram"]) == ("1.wav", "1.png")
    assert one["prompt"] != one["id"]
    assert sorted(path.name for path in (out / "eval").iterdir()) == [f"step-0000000{n}" for n in (2, 4, 5)]


def test_a_run_that_is_evaluated_takes_the_same_steps(sung, evaluated, tmp_path):
    out, on = evaluated
    off = run(sung, tmp_path / "off", eval_every="0")
    assert not any(losses(line) for line in off)
    assert not (tmp_path / "off" / "eval").exists()
    assert [line["loss"] for line in on] == [line["loss"] for line in off]
    for stem in ("model", "random"):
        weights, others = (read_tensors(RunFolder(path).latest(), stem) for path in (out, tmp_path / "off"))
        assert all(torch.equal(weight, others[name]) for name, weight in weights.items())


def test_the_same_utterances_and_rows_whatever_the_random_seed(sung, evaluated, tmp_path):
    out, _ = evaluated
    run(sung, tmp_path / "other", seed="7", **{"data.workers": "0", "eval_sentences": "0"})
    facts, others = (
        json.loads((path / "eval" / "step-00000002" / "eval.json").read_text()) for path in (out, tmp_path / "other")
    )
    assert facts["utterances"] == others["utterances"]
    assert set(facts["utterances"]) == set(open_dataset(sung, part="held-out").ids)
    assert others["sentences"] == []


def test_another_process_than_the_first_leaves_the_copy_that_the_first_speaks_with(tmp_path, monkeypatch):
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    copied = tmp_path / "eval" / ".model-3"
    copied.mkdir(parents=True)
    hook = EvaluationHook()
    hook._run = tmp_path
    held = SimpleNamespace(losses=lambda loss: {"held_out_loss": 1.0})
    live = SimpleNamespace(loss=None, copy=lambda to, step: None)
    assert hook._evaluate(live, held, 3) == {"held_out_loss": 1.0}  # type: ignore[arg-type]
    assert [path.name for path in (tmp_path / "eval").iterdir()] == [".model-3"]


def test_it_is_measured_with_the_average_off_and_spoken_with_it(sung, tmp_path):
    lines = run(sung, tmp_path / "r", average="0.9", steps="2", checkpoint_every="2")
    assert losses(lines[-1])
    assert (tmp_path / "r" / "eval" / "step-00000002" / "1.wav").is_file()


def test_one_that_is_asked_for_comes_at_the_step_under_way(sung, tmp_path):
    class Control:
        @hookimpl
        def train_requests(self, step):
            return {"eval": True} if step == 3 else None

    run(sung, tmp_path / "r", {"control": Control()}, eval_every="0", steps="4", eval_sentences="0")
    assert [path.name for path in (tmp_path / "r" / "eval").iterdir()] == ["step-00000003"]


def test_a_dataset_that_holds_nothing_out_is_told_in_one_line(sung, tmp_path, capsys):
    data = tmp_path / "data"
    write_dataset(data, [*open_dataset(sung).records()])
    lines = run(_of(sung, data), tmp_path / "r", steps="2")
    assert not any(losses(line) for line in lines)
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "eval" in text]
    assert "holds no utterances out. Prepare it with --held-out-fraction 0.05" in line
    assert "the run goes on without evaluation" in line


def _of(model: Path, data: Path, **changes) -> Path:
    """A made dataset that says it has the codes and symbols of another."""
    said = open_dataset(model).manifest
    made = open_dataset(data).manifest
    write_manifest(data, replace(made, codec=said.codec, symbols=said.symbols, frontend=said.frontend,
                                 frontend_options=said.frontend_options, codec_options=said.codec_options,
                                 plugins=said.plugins, **changes))  # fmt: skip
    return data


def test_half_a_model_speaks_with_the_other_half(sung, tmp_path):
    alone = tmp_path / "alone"
    run(sung, alone, steps="2", **{"model.parts": "ar"})
    facts = json.loads((alone / "eval" / "step-00000002" / "eval.json").read_text())
    assert "--eval-with" in facts["notes"][0]
    assert sorted(facts["losses"]) == ["held_out_loss", "held_out_loss_0"]
    run(sung, tmp_path / "nar", steps="2", eval_with=str(alone), **{"model.parts": "nar"})
    facts = json.loads((tmp_path / "nar" / "eval" / "step-00000002" / "eval.json").read_text())
    assert facts["notes"] == []
    assert (tmp_path / "nar" / "eval" / "step-00000002" / "1.wav").is_file()


def test_a_model_with_a_pointer_shows_its_course_beside_that_of_the_recording(sung, tmp_path):
    whole = open_dataset(sung)
    records = [
        replace(
            one, times=tuple(int(20 * len(one.codes) * n / len(one.phonemes)) for n in range(len(one.phonemes) + 1))
        )
        for one in whole.records()
    ]
    write_dataset(tmp_path / "data", records)
    data = _of(sung, tmp_path / "data", held_out=(records[0].id, records[1].id))
    run(data, tmp_path / "r", steps="2", alignment="pointer")
    facts = json.loads((tmp_path / "r" / "eval" / "step-00000002" / "eval.json").read_text())
    assert facts["notes"] == []
    assert facts["sentences"][0]["pointer"] == "1-pointer.png"
    assert (tmp_path / "r" / "eval" / "step-00000002" / "1-pointer.png").stat().st_size > 1000


def test_what_is_kept_of_attention_is_what_the_kernel_weighs_with():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 5, 4) for _ in range(3))
    seen = []

    def kernel(q, k, v, mask, *, scale=None):
        seen.append(mask)
        return v

    length, every = torch.tensor([5]), torch.ones(5, 5, dtype=torch.bool)
    for mask, allowed in ((SequenceMask.causal(length), every.tril()), (SequenceMask.full(length), every)):
        watched = Watched(kernel)
        watched(q, k, v, mask)
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        assert torch.allclose(watched.maps[0] @ v[0, 0], out[0, 0], atol=1e-6)
    assert len(seen) == 2


def test_random_numbers_are_put_back():
    import random

    import numpy as np

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with undisturbed():
        random.random(), np.random.rand(), torch.rand(3)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
