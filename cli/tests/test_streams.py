"""A closed or full standard output is one line and exit code 2, whatever was to be written."""

from __future__ import annotations

import errno
import io
import subprocess
import sys

import pytest

from valle_cli.streams import Closed, OutputStream
from valle_core.plugin import UserError

VALLE = [sys.executable, "-m", "valle_cli"]


class Full(io.RawIOBase):
    def __init__(self, number: int) -> None:
        self.number = number

    def writable(self) -> bool:
        return True

    def write(self, data, /):
        if not self.number:  # so that the end of the test can close it
            return len(data)
        raise OSError(self.number, "No space left on device" if self.number == errno.ENOSPC else "gone")


@pytest.mark.parametrize("text", ["x\n", "x" * 100_000])
def test_a_full_disk_is_told_whether_the_text_is_short_or_long(text, monkeypatch):
    full = Full(errno.ENOSPC)
    answer = OutputStream(io.BufferedWriter(full), encoding="utf-8")
    monkeypatch.setattr("valle_cli.streams.abandon", lambda: None)
    with pytest.raises(UserError, match=r"cannot be written to standard output: no space left on device"):
        print(text, file=answer, flush=True)
    full.number = 0


def test_a_reader_that_went_away_is_no_error_of_ours():
    gone = Full(errno.EPIPE)
    answer = OutputStream(io.BufferedWriter(gone), encoding="utf-8")
    with pytest.raises(BrokenPipeError):
        print("x", file=answer, flush=True)
    gone.number = 0


def test_a_closed_output_refuses_text_and_lets_nothing_pass():
    with pytest.raises(UserError, match="standard output is closed"):
        Closed().write("x")
    assert Closed().write("") == 0


@pytest.mark.parametrize("command", ["--version", "list-plugins --json", "--help"])
@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_every_way_of_printing_ends_in_one_line(command, where):
    script = f"{' '.join(VALLE)} {command} {where}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: the output cannot be written")


def test_a_closed_standard_error_does_not_land_in_the_answer(tmp_path):
    script = f"{' '.join(VALLE)} list-plugins --json 2>&- | {sys.executable} -m json.tool > {tmp_path}/x"
    environ = {"VALLE_DISABLE_PLUGINS": "no-such-plugin", "PATH": "/usr/bin:/bin"}  # a warning, on standard error
    assert subprocess.run(["bash", "-c", f"set -o pipefail; {script}"], env=environ, check=False).returncode == 0
