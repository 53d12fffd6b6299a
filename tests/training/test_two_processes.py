"""Two processes that train together (gloo, on the CPU) learn what one learns, however their weights are laid out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from valle_core.checkpoint.folder import RunFolder, read_tensors
from valle_core.data.dataset import open_dataset
from valle_testing.runs import lines, losses, train

SETTINGS = {
    "arch": "transformer", "arch.d_model": "16", "arch.n_layers": "2", "arch.n_heads": "2", "steps": "4", "warmup": "2",
    "log_every": "1", "checkpoint_every": "4", "device": "cpu", "batching.seconds": "2", "clip": "0.5",
    "average": "0.9", "text_gain_every": "3",
}  # fmt: skip
SCRIPT = Path(__file__).with_name("rank.py")


def together(runs: list[dict[str, str]], folder: Path, *ranks: int) -> list[subprocess.Popen]:
    """Two processes of some runs, one run after the other: one `Popen` for each of `ranks`, else a single one that both
    come from, which takes half the time to start."""
    (folder / "runs.json").write_text(json.dumps(runs))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder / "runs.json")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shared | names,
        )
        for names in ([{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in ranks] or [{}])
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tone_dataset, tmp_path_factory) -> Path:
    """A run of one process that accumulates two batches, and runs of two processes that take one each."""
    folder = tmp_path_factory.mktemp("together")
    settings = SETTINGS | {"data": str(tone_dataset)}

    def alone(name: str, **changes: str) -> None:
        train(settings, tone_dataset, folder / name, accumulate="2", **changes)

    alone("alone")
    alone("large", **{"batching.seconds": "30", "steps": "3"})
    made = [
        {"out": "ddp"}, {"out": "fsdp", "shard": "true"},
        {"out": "changed", "shard": "true", "minutes": "0.000001"}, {"out": "changed", "resume": "true"},
        {"out": "short", "most rows of the second": "1", "batching.seconds": "30", "steps": "3",
         "text_gain_every": "0"},
        {"out": "asked", "control": "[stdin]", "steps": "100000", "minutes": "2"},
    ]  # fmt: skip
    (both,) = together([settings | one | {"out": str(folder / one["out"])} for one in made], folder)
    said = both.communicate("lr 0.002\nquit\n", timeout=600)[1]
    assert both.returncode == 0, said
    (folder / "errors.txt").write_text(said)
    return folder


def test_two_processes_at_half_the_batch_have_the_losses_of_one(runs):
    assert losses(runs / "ddp") == pytest.approx(losses(runs / "alone"), abs=1e-5)


def test_one_that_is_short_of_memory_takes_its_batches_in_parts_and_both_stay_in_step(runs):
    assert losses(runs / "short") == pytest.approx(losses(runs / "large"), abs=1e-5)
    assert sum(line.get("halved_batches", 0) for line in lines(runs / "short")) > 0


def test_split_weights_learn_what_whole_ones_learn(runs):
    assert losses(runs / "fsdp") == pytest.approx(losses(runs / "ddp"), abs=1e-5)
    for stem in ("model", "current", "optimizer"):
        one, other = (read_tensors(RunFolder(runs / name).latest(), stem) for name in ("ddp", "fsdp"))
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            assert other[name].numpy() == pytest.approx(tensor.numpy(), abs=1e-4), name


def test_a_checkpoint_of_split_weights_is_gone_on_from_with_whole_ones(runs):
    assert losses(runs / "changed") == pytest.approx(losses(runs / "ddp"), abs=1e-5)


def test_the_processes_read_disjoint_data_that_together_is_the_epoch(runs, tone_dataset):
    read = [
        {id for epoch, ids in map(json.loads, (runs / f"ddp-read-{rank}.jsonl").open()) if epoch == 0 for id in ids}
        for rank in (0, 1)
    ]
    assert not read[0] & read[1]
    assert read[0] | read[1] == set(open_dataset(tone_dataset, part="train").ids)


def test_both_obey_what_is_typed_to_the_first(runs):
    last = json.loads(RunFolder(runs / "asked").metrics.read_text().splitlines()[-1])
    assert [last["step"]] == RunFolder(runs / "asked").steps()
    assert last["step"] < 100_000
    answers = (runs / "errors.txt").read_text()
    assert answers.count("control: peak learning rate 0.002 from step") == 1
    assert f"control: saved {RunFolder(runs / 'asked').latest()}; go on with: valle train --config" in answers


def test_one_of_them_writes_and_none_warns(runs):
    assert sorted(path.name for path in (runs / "ddp").iterdir()) == ["checkpoints", "config.yaml", "metrics.jsonl"]
    found = lines(runs / "ddp")
    assert [line["step"] for line in found] == [1, 2, 3, 4]
    assert "text_gain" in found[2]
    warned = [line for line in (runs / "errors.txt").read_text().splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert "out of memory" in warned[0]


@pytest.mark.slow
def test_a_checkpoint_of_two_goes_on_in_one_and_that_of_one_in_two(runs, tone_dataset, tmp_path):
    settings = SETTINGS | {"data": str(tone_dataset)}
    first, back = str(tmp_path / "first"), str(tmp_path / "back")
    (both,) = together([settings | {"out": first, "minutes": "0.000001"}], tmp_path)
    assert both.wait(timeout=600) == 0
    alone = partial(train, settings, tone_dataset, accumulate="2")
    alone(tmp_path / "first", resume="true")
    assert losses(tmp_path / "first") == pytest.approx(losses(runs / "alone"), abs=1e-5)
    alone(tmp_path / "back", minutes="0.000001")
    (both,) = together([settings | {"out": back, "resume": "true", "shard": "true"}], tmp_path)
    said = both.communicate(timeout=600)[1]
    assert both.returncode == 0, said
    assert losses(tmp_path / "back") == pytest.approx(losses(runs / "alone"), abs=1e-5)
    assert said.count("saved by 1 process and goes on with 2") == 1


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_where_one_is_killed_the_other_leaves_by_itself_and_the_run_can_be_resumed(tone_dataset, tmp_path, killed):
    out = tmp_path / "r"
    settings = SETTINGS | {"data": str(tone_dataset), "out": str(out), "steps": "100000", "text_gain_every": "0"}
    processes = together([settings], tmp_path, 0, 1)
    metrics = RunFolder(out).metrics
    for _ in range(1200):
        if metrics.exists() and len(metrics.read_text().splitlines()) > 6:
            break
        time.sleep(0.1)
    processes[killed].kill()
    _, err = processes[1 - killed].communicate(timeout=60)  # far less than the patience of the processes
    processes[killed].communicate()
    assert processes[1 - killed].returncode == 1, err
    assert "another process of the run is gone, or does not answer" in err
    step = RunFolder(out).steps()[-1]
    if killed and step % int(SETTINGS["checkpoint_every"]):  # else it was saved just before
        assert f"the run is saved at step {step}: go on with --resume" in err
    (again,) = together([settings | {"resume": "true", "steps": str(step + 1)}], tmp_path)
    said = again.communicate(timeout=600)[1]
    assert again.returncode == 0, said
    assert RunFolder(out).steps()[-1] == step + 1


@pytest.fixture(scope="module")
def split(tone_dataset, tmp_path_factory) -> Path:
    """Runs of two processes by DeepSpeed's ZeRO, and what they should be equal to."""
    pytest.importorskip("deepspeed", reason="pip install 'valle-training[deepspeed]'")
    folder = tmp_path_factory.mktemp("zero")
    shared = SETTINGS | {"data": str(tone_dataset)}
    train(SETTINGS, tone_dataset, folder / "alone", accumulate="4")
    half, cut = {"precision": "bf16"}, {"minutes": "0.000001"}
    made = [
        {"out": "ddp"}, {"out": "zero1", "zero": "1"}, {"out": "zero2", "zero": "2"},
        {"out": "zero3", "zero": "3"},
        *({"out": f"half{stage}", "zero": str(stage)} | half for stage in range(4)),
        *({"out": f"bad{stage}", "zero": str(stage), "bad batches": "2"} for stage in range(4)),
        {"out": "to", "zero": "1"} | cut, {"out": "to", "resume": "true"},
        {"out": "from"} | cut, {"out": "from", "zero": "2", "resume": "true"},
        {"out": "to3", "zero": "3"} | cut, {"out": "to3", "resume": "true"},
        {"out": "from3"} | cut, {"out": "from3", "zero": "3", "resume": "true"},
        {"out": "asked", "zero": "3", "control": "[stdin]", "steps": "100000", "minutes": "4",
         "eval_every": "100000", "eval_sentences": "1"},
    ]  # fmt: skip
    settings = [shared | {"accumulate": "2"} | one | {"out": str(folder / one["out"])} for one in made]
    (both,) = together(settings, folder)
    printed, said = both.communicate("eval\nexport\nlr 1e9\nquit\n", timeout=900)
    assert both.returncode == 0, said
    assert printed == "", "DeepSpeed says nothing on the standard output"
    (folder / "errors.txt").write_text(said)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_split_optimizer_learns_what_a_whole_one_learns_and_saves_the_same(split, stage):
    out = split / f"zero{stage}"
    assert losses(out) == pytest.approx(losses(split / "alone"), abs=1e-5)
    norms = [[json.loads(line)["grad_norm"] for line in RunFolder(one).metrics.open()] for one in (out, split / "ddp")]
    assert norms[0] == pytest.approx(norms[1], abs=1e-4)
    for stem in ("model", "current", "optimizer"):
        one, other = (read_tensors(RunFolder(path).latest(), stem) for path in (split / "ddp", out))
        assert one.keys() == other.keys()
        for name, tensor in one.items():
            assert other[name].numpy() == pytest.approx(tensor.numpy(), abs=1e-4), name
    assert losses(split / f"half{stage}") == pytest.approx(losses(split / "half0"), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_first_step_that_is_not_finite_is_left_out_by_a_split_optimizer_too(split, stage):
    whole, own = (
        [{name: line.get(name) for name in ("loss", "grad_norm", "bad_steps")} for line in lines(split / name)]
        for name in ("bad0", f"bad{stage}")
    )
    assert [line["bad_steps"] for line in own] == [1] * 4
    assert (own[0]["loss"], own[0]["grad_norm"]) == (None, None)
    assert own[1:] == [pytest.approx(line, abs=1e-5) for line in whole[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["to", "from", "to3", "from3"])
def test_a_run_goes_on_with_another_layout_of_its_optimizer(split, name):
    assert len(losses(split / name)) == 4
    assert losses(split / name) == pytest.approx(losses(split / "alone"), abs=1e-5)


@pytest.mark.slow
def test_processes_of_a_split_optimizer_evaluate_export_and_quit_together_when_they_are_asked(split):
    run = RunFolder(split / "asked")
    (line,) = (json.loads(line) for line in run.metrics.read_text().splitlines()[-1:])
    assert [line["step"]] == run.steps()
    assert line["step"] < 100_000
    assert any("held_out_loss" in line for line in map(json.loads, run.metrics.open()))
    assert (run.path / "exports" / run.latest().name / "model.safetensors").is_file()
    answers = (split / "errors.txt").read_text()
    assert answers.count(f"control: exported {run.latest().name} to ") == 1
    assert answers.count("control: lr must be in [0, 10], got 1e+09") == 1
