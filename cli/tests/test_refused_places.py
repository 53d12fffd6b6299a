"""Names that are too long, folders that may not be read or written: one line and exit code 2, from every command."""

from __future__ import annotations

import errno
import os

import pytest

from valle_cli.main import run

COMMANDS = {
    "corpus": ["corpus", "--out", "PLACE", "--voices", "1", "--utterances", "1", "--workers", "1"],
    "prepare": ["prepare", "PLACE", "--out", "data", "--codec", "mel-gl", "--quiet"],
    "prepare --out": ["prepare", ".", "--out", "PLACE", "--codec", "mel-gl", "--quiet"],
    "data list": ["data", "list", "PLACE"],
    "data validate": ["data", "validate", "PLACE", "--quiet"],
    "data convert": ["data", "convert", "PLACE", "--out", "new", "--storage", "files", "--quiet"],
    "data stats": ["data", "stats", "PLACE"],
    "data similar": ["data", "similar", "PLACE"],
    "train --data": ["train", "--data", "PLACE", "--out", "run"],
    "train --config": ["train", "--config", "PLACE"],
    "train --resume": ["train", "--out", "PLACE", "--resume"],
    "synth": ["synth", "hello", "--model", "PLACE", "--out", "a.wav"],
    "synth --text-file": ["synth", "--text-file", "PLACE", "--model", "run", "--out", "a.wav"],
    "transcribe": ["transcribe", "PLACE", "--out", "t.csv"],
    "prepare-noise": ["prepare-noise", "PLACE", "--out", "noise", "--codec", "mel-gl", "--quiet"],
}  # fmt: skip
PLACES = {"a long name": "x" * 300, "a long path": "/".join(["y" * 200] * 30), "a long ending": f"a/b.{'z' * 300}"}


def refusal(capsys, argv: list[str]) -> str:
    """The one line that a command is refused with."""
    capsys.readouterr()
    code = run(argv)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert code == 2, lines
    (line,) = lines
    assert "unexpected" not in line
    return line


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_is_too_long_is_one_line(command, place, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refusal(capsys, [PLACES[place] if word == "PLACE" else word for word in COMMANDS[command]])


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.EACCES, "permission denied. Change its permissions, or choose another place"),
        (errno.EROFS, "read-only file system. Choose another place"),
        (errno.ENOSPC, "no space left on device. Free some and run again"),
        (errno.EIO, "input/output error. Check the path and its disk"),
    ],
)
def test_what_the_system_refuses_is_named_with_a_fix(number, fix, capsys, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number), "there")

    monkeypatch.setattr("valle_corpus.writing.write_utterance", refuse)
    line = refusal(capsys, [str(tmp_path / "new") if word == "PLACE" else word for word in COMMANDS["corpus"]])
    assert line == f"error: 'there': {fix}"
