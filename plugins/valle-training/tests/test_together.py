"""What the launchers' environment tells the hook that joins processes."""

from __future__ import annotations

import re

import pytest
import torch
import torch.distributed as dist
from torch import nn
from valle_training.launched import HOOK, started_alone
from valle_training.together import DistributedProcesses, alive

from valle_core.api import TrainOptions, UserError


def launched(*words: str) -> dict[str, str]:
    """The environment that `accelerate launch` gives the process of a script."""
    from accelerate.commands.launch import launch_command_parser
    from accelerate.utils.launch import prepare_simple_launcher_cmd_env

    fixed = ("--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "script.py")
    given = launch_command_parser().parse_args([*words, *fixed])
    given.use_cpu = given.cpu
    return prepare_simple_launcher_cmd_env(given)[1]


def of_two() -> DistributedProcesses:
    """One of two processes with whole weights, before they meet."""
    processes = DistributedProcesses.__new__(DistributedProcesses)
    processes.shards, processes.world = False, 2
    return processes


@pytest.fixture
def no_launcher(monkeypatch):
    for name in ("ACCELERATE_USE_CPU", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_accelerate_that_starts_one_process_where_several_were_asked_for_is_named_in_a_line(
    no_launcher, monkeypatch, capsys
):
    for name, value in launched("--cpu", "--num_processes", "2").items():
        monkeypatch.setenv(name, value)
    assert HOOK.train_processes(TrainOptions()) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: accelerate launch was asked for several processes and started one")
    assert line.endswith("accelerate launch --multi-gpu --num-processes N")


@pytest.mark.parametrize("words", [(), ("--cpu",), ("--cpu", "--num_processes", "1")])
def test_one_that_was_asked_for_is_not_warned_of(no_launcher, monkeypatch, capsys, words):
    for name, value in launched(*words).items():
        monkeypatch.setenv(name, value)
    assert HOOK.train_processes(TrainOptions()) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("options", "name"), [({"zero": 1}, "zero"), ({"shard": True}, "shard")])
def test_a_single_process_has_nobody_to_split_a_run_with_and_says_so(no_launcher, capsys, options, name):
    assert HOOK.train_processes(TrainOptions(**options)) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: --{name} splits a run over several processes; this one trains alone")


def test_a_place_to_meet_alone_says_nothing_of_accelerate_and_processes_of_mpi_are_several():
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
    assert not started_alone(meeting)
    assert not started_alone(meeting | {"ACCELERATE_USE_CPU": "True", "OMPI_COMM_WORLD_SIZE": "2"})


def test_no_memory_for_the_mean_of_gradients_is_not_taken_for_a_process_that_is_gone(monkeypatch):
    processes, model = of_two(), nn.Linear(2, 1)
    model(torch.ones(1, 2)).sum().backward()

    def short(tensors):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch, "cat", short)
    with pytest.raises(torch.OutOfMemoryError):
        processes.average_gradients(model)


def test_a_process_that_is_gone_before_the_first_step_is_told_in_one_line(monkeypatch):
    def closed(weight, src):
        raise RuntimeError("Connection closed by the other side")

    monkeypatch.setattr(dist, "broadcast", closed)
    with pytest.raises(UserError, match="another process of the run is gone"):
        of_two().prepare(nn.Linear(2, 1), None, None)


def test_what_went_wrong_is_in_the_line():
    why = r"gone, or does not answer \(Connection closed by 10.0.0.2\). Start"
    with pytest.raises(UserError, match=why) as told, alive():
        raise RuntimeError("Connection closed by 10.0.0.2\nat pair.cc")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "words", ["shapes (2, 3) and (4,) do not fit", "One of the differentiated tensors was not used"]
)
def test_a_fault_of_what_is_computed_is_not_taken_for_a_process_that_is_gone(words):
    with pytest.raises(RuntimeError, match="^" + re.escape(words)), alive(computes=True):
        raise RuntimeError(words)
    with pytest.raises(UserError, match="another process of the run is gone"), alive(computes=True):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed")


def test_two_ways_to_split_a_run_exclude_each_other_in_one_process_too(no_launcher):
    with pytest.raises(UserError, match="--shard and --zero both split a run over its processes; give one of them"):
        HOOK.train_processes(TrainOptions(zero=1, shard=True))
