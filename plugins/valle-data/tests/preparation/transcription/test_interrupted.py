"""kill -9 at any moment, and a torn last line: the same command completes the table to the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from valle_core.plugin import UserError

KILLED = """
import os, signal, sys
from pathlib import Path
from valle_data.preparation.transcription import work
from valle_data.preparation.transcription.transcriber import Transcriber
from valle_data.preparation.transcription.options import TranscribeOptions
from valle_data.preparation.transcription.transcribe import transcribe
from valle_testing.fakes.recognizer import FakeRecognizer

source, out, rows = sys.argv[1:]

class Killed(FakeRecognizer):
    def transcribe(self, wav, lengths, *, languages):
        if self.rows >= int(rows):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().transcribe(wav, lengths, languages=languages)

work._GROUP = 2
options = TranscribeOptions(source=Path(source), out=Path(out), min_seconds=0.1, pad=0.1)
transcribe(options, Transcriber(Killed(), frozenset({"words", "detect", "align"})), name="fake")
"""


@pytest.fixture
def spoken(record):
    for index, text in enumerate(["abba", "dace", "fed bag", "cab", "decade", "cafe"]):
        record(f"s{index % 2}/{index}", 0.2, text, 0.2)


def test_after_kill_9_only_what_is_missing_is_transcribed(spoken, run, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "recordings"), str(tmp_path / "killed.jsonl"), "4"]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed.jsonl").exists()
    report, rows = run(out=tmp_path / "killed.jsonl")
    assert (report.kept, report.transcribed, rows) == (4, 2, 2)
    run(out=tmp_path / "whole.jsonl")
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert (tmp_path / "killed.report.json").read_bytes() == (tmp_path / "whole.report.json").read_bytes()


def test_a_line_torn_by_a_crash_is_transcribed_again(spoken, run, tmp_path):
    run()
    whole = (tmp_path / "table.jsonl").read_bytes()
    path = tmp_path / "table.journal.jsonl"
    os.truncate(path, path.stat().st_size - 7)
    assert run()[1] == 1
    assert run()[1] == 0
    assert (tmp_path / "table.jsonl").read_bytes() == whole


def test_a_damaged_line_is_refused_by_name(spoken, run, tmp_path):
    run()
    path = tmp_path / "table.journal.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], '{"id": 3}', *lines[3:]]) + "\n")
    with pytest.raises(
        UserError, match=r"table.journal.jsonl' is damaged .*. Remove it to transcribe everything again"
    ):
        run()
