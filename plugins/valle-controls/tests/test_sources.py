"""Where words come from: a socket in the run's folder, pipes, files, a terminal; none holds a run up."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from valle_controls.address import NAME, Door, connect
from valle_controls.commands import ask
from valle_controls.hook import HOOK, Controls
from valle_controls.listener import Listener
from valle_controls.plugin import CONTROLS as SPEC

from valle_cli.main import run as valle
from valle_core.plugin import UserError
from valle_testing import suite

test_it_conforms = suite.conformance("hook", lambda: HOOK, spec=SPEC)


def wait_for(true) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@pytest.fixture
def started(tmp_path):
    """The hook of a run that takes words from its socket."""
    hook, run = Controls(), tmp_path / "run"
    run.mkdir()
    live = SimpleNamespace(options=SimpleNamespace(control=("socket",)))
    hook.train_start({"step": 0, "steps": 9, "run": str(run), "live": live})
    yield hook, run
    hook.train_end(9)


def test_the_command_asks_and_prints_the_answer(started, capsys):
    hook, run = started
    assert valle(["control", str(run)]) == 0
    assert capsys.readouterr().out == "training, step 0 of 9\n"
    assert valle(["control", str(run), "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 9
    asked = threading.Thread(target=valle, args=(["control", str(run), "lr", "1e-3"],))
    asked.start()
    wanted = {}
    wait_for(lambda: wanted.update(hook.train_requests(3) or {}) or wanted)
    asked.join()
    assert wanted == {"lr": 1e-3}
    assert capsys.readouterr().out == "peak learning rate 0.001 from step 4 on\n"


@pytest.mark.parametrize("words", [["lr", "abc"], ["lr"], ["sav"], ["save", "now"], ["lr", "1e999"]])
def test_a_wrong_word_is_one_line_and_exit_code_2(started, capsys, words):
    _, run = started
    assert valle(["control", str(run), *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_one_connection_may_say_many_things_and_nonsense(started):
    _, run = started
    with connect(run, 10) as one, one.makefile(encoding="utf-8") as answers:
        one.sendall(b"\xff\xfe\x00\n" + b"x" * 100_000 + b"\nlr 1 2\n\n  \nstatus\n")
        said = [json.loads(answers.readline()) for _ in range(4)]
    assert [answer["ok"] for answer in said] == [False, False, False, True]
    assert ask(run, "status", 10)["ok"]


def test_connections_that_say_nothing_do_not_keep_others_out(started):
    _, run = started
    idle = [connect(run, 10) for _ in range(8)]
    assert ask(run, "status", 10)["ok"]
    for one in idle:
        one.close()


def test_who_asked_is_told_when_the_run_ends_first(started):
    hook, run = started
    answers = []

    def say() -> None:
        try:
            answers.append(ask(run, "save", 10)["text"])
        except UserError as error:
            answers.append(str(error))

    asked = threading.Thread(target=say)
    asked.start()
    wait_for(lambda: hook._session is not None and not hook._session._asked.empty())
    hook.train_failed(4)
    asked.join()
    assert answers == ["the run ended with an error in step 4"]
    assert not (run / NAME).exists()


def test_the_socket_is_this_users_alone_and_gone_with_the_run(started):
    hook, run = started
    assert (run / NAME).stat().st_mode & 0o777 == 0o600
    hook.train_end(9)
    assert list(run.iterdir()) == []


def test_a_socket_that_a_killed_process_left_is_told_and_replaced(tmp_path):
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / NAME))
    left.close()
    with pytest.raises(UserError, match=r"is gone. Go on with: valle train --config .*config.yaml --resume"):
        connect(tmp_path, 1)
    door = Door(tmp_path)
    connect(tmp_path, 1).close()
    door.close()
    assert not (tmp_path / NAME).exists()


def test_another_file_of_that_name_stays_and_the_run_goes_on_without(tmp_path, capsys):
    (tmp_path / NAME).write_text("mine")
    hook = Controls()
    live = SimpleNamespace(options=SimpleNamespace(control=("socket",)))
    hook.train_start({"step": 0, "steps": 9, "run": str(tmp_path), "live": live})
    assert hook.train_requests(1) is None
    assert (tmp_path / NAME).read_text() == "mine"
    err = capsys.readouterr().err
    assert "is in the way of the run's socket; remove it" in err
    assert len(err.splitlines()) == 1


def test_a_socket_that_another_run_made_meanwhile_is_left_to_it(tmp_path):
    first = Door(tmp_path)
    second = Door(tmp_path)
    first.close()
    assert (tmp_path / NAME).exists()
    second.close()


def test_a_folder_with_a_long_name_has_its_socket_too(tmp_path):
    run = tmp_path / ("r" * 120) / "ü"
    run.mkdir(parents=True)
    door = Door(run)
    connect(run, 1).close()
    door.close()
    assert list(run.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda run: None, "there is no run"),
        (lambda run: run.mkdir(), "is not a run. Name the folder that `valle train --out` names"),
        (lambda run: run.write_text(""), "is not a run. Name the folder that `valle train --out` names"),
        (lambda run: (run.mkdir(), (run / "config.yaml").write_text("")), "is not being trained, or takes no words"),
        (lambda run: (run.mkdir(), (run / NAME).write_text("")), "the process that trained"),
    ],
)
def test_a_run_that_nobody_trains_is_one_line(tmp_path, capsys, make, message):
    make(tmp_path / "run")
    assert valle(["control", str(tmp_path / "run"), "save"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_run_that_does_not_answer_is_not_waited_for_without_end(started, capsys):
    _, run = started
    assert valle(["control", str(run), "save", "--timeout", "0.05"]) == 2
    assert "did not answer within 0.05 s" in capsys.readouterr().err


def heard(standard: int, *, until: int) -> list[str]:
    """Lines that come from a descriptor."""
    lines: list[str] = []
    listener = Listener(lambda line, reply: lines.append(line), standard, None)
    wait_for(lambda: len(lines) >= until)
    listener.close()
    return lines


def test_a_pipe_is_read_to_its_end_and_what_has_no_newline_counts(tmp_path):
    reads, writes = os.pipe()
    os.write(writes, b"save\nlr 1e-3\n\nqui")
    os.write(writes, b"t")
    os.close(writes)
    assert heard(reads, until=3) == ["save", "lr 1e-3", "quit"]
    os.close(reads)


def test_a_file_is_read_and_nothing_waits_on_dev_null_or_on_what_was_closed(tmp_path):
    (tmp_path / "words").write_text("save\n")
    for path, expected in ((tmp_path / "words", ["save"]), (Path("/dev/null"), [])):
        number = os.open(path, os.O_RDONLY)
        assert heard(number, until=len(expected)) == expected
        os.close(number)
    assert heard(number, until=0) == []


BACKGROUND = """
import os, signal, sys, time
from valle_controls.listener import Listener
lines = []
Listener(lambda line, reply: lines.append(line), 0, None)
print("up", flush=True)
for _ in range(1500):
    if lines:
        break
    time.sleep(0.01)
print("heard", *lines, flush=True)
"""


def test_in_the_background_it_is_not_stopped_and_takes_nothing_until_it_is_in_front(tmp_path):
    """Its shell is a process that leads a session with a terminal of its own."""
    script = tmp_path / "shell.py"
    script.write_text(
        f"""
import fcntl, os, signal, subprocess, sys, termios, time
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", {BACKGROUND!r}], stdout=subprocess.PIPE, text=True, process_group=0)
child.stdout.readline()
print("ready", flush=True)
time.sleep(0.7)
done, status = os.waitpid(child.pid, os.WUNTRACED | os.WNOHANG)
print("stopped" if done else "goes on", flush=True)
print("read", sys.stdin.readline(), end="", flush=True)
os.tcsetpgrp(0, child.pid)
print("front", flush=True)
print(child.stdout.readline(), end="", flush=True)
""",
        encoding="utf-8",
    )
    master, slave = os.openpty()
    shell = subprocess.Popen(
        [sys.executable, str(script)], stdin=slave, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert shell.stdout is not None
    os.close(slave)
    assert shell.stdout.readline() == "ready\n"
    os.write(master, b"ls\n")
    assert shell.stdout.readline() == "goes on\n"
    assert shell.stdout.readline() == "read ls\n"
    assert shell.stdout.readline() == "front\n"
    os.write(master, b"save\n")
    assert shell.stdout.readline() == "heard save\n"
    shell.wait(10)
    os.close(master)
    shell.stdout.close()


@pytest.mark.parametrize("wanted", [("terminal", "socket"), ("stdin",)])
def test_a_closed_standard_input_is_no_source(monkeypatch, wanted):
    from valle_controls.terminal import standard_input

    monkeypatch.setattr(sys, "stdin", None)
    assert standard_input(wanted) is None


def test_a_pipe_is_read_only_where_it_was_asked_for(monkeypatch):
    """A loop of a shell that reads a list would lose its lines to the run."""
    from valle_controls.terminal import standard_input

    reads, writes = os.pipe()
    with os.fdopen(reads) as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        assert standard_input(("terminal", "socket")) is None
        assert standard_input(("stdin",)) == reads
    os.close(writes)
    assert signal.getsignal(signal.SIGTTIN) is signal.SIG_DFL
