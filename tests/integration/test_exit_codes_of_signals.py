"""`valle train` that is told to stop saves, says how to go on, and ends with the shell's code for the signal."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest


@pytest.fixture
def sent_when_training():
    """`sent_when_training(run, number)`: a thread sends the signal to this process once metrics are written."""
    threads = []

    def start(run, number):
        def wait():
            for _ in range(600):
                if (run / "metrics.jsonl").exists():
                    os.kill(os.getpid(), number)
                    return
                time.sleep(0.05)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


@pytest.fixture
def not_under_nohup():
    """What starts the tests may ignore SIGHUP, which `valle train` respects."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("not_under_nohup")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda v: str(v)
)
def test_a_signal_saves_and_has_its_own_exit_code(number, code, valle, spine, tmp_path, sent_when_training):
    run = tmp_path / "run"
    sent_when_training(run, number)
    found, out, err = valle(*spine.training(run, "--steps", "5000", "--log-every", "1"))
    assert found == code, err
    (saved,) = (run / "checkpoints").iterdir()
    step = int(saved.name.removeprefix("step-"))
    assert 0 < step < 5000
    # Nobody reads what is printed after a hang-up.
    assert ("go on with: valle train --config" in out) == (number != signal.SIGHUP)
    more = step + 1
    found, _, err = valle("train", "--config", run / "config.yaml", "--resume", "--steps", str(more))
    assert found == 0, err
    assert (run / "checkpoints" / f"step-{more:08d}").exists()
