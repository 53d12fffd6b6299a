"""Lines of a text file: each keeps its number, by which its seed is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from valle_cli.speech import read_lines, targets
from valle_core.plugin import UserError


def test_lines_without_text_are_counted_and_left_out(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("\none\n\n \n two \n", encoding="utf-8")
    assert read_lines("", file) == {2: "one", 5: "two"}
    assert [path.name for path in targets(tmp_path / "o.wav", 2)] == ["o-1.wav", "o-2.wav"]


def test_one_text_is_line_one_and_needs_no_number(tmp_path):
    assert read_lines("hello", None) == {1: "hello"}
    assert targets(tmp_path / "o.wav", 1) == [tmp_path / "o.wav"]
    file = tmp_path / "lines.txt"
    file.write_text("\nonly\n", encoding="utf-8")
    assert read_lines("", file) == {2: "only"}


def test_a_file_without_text_is_refused(tmp_path):
    (tmp_path / "lines.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(UserError, match="holds no text"):
        read_lines("", tmp_path / "lines.txt")
    with pytest.raises(UserError, match="both a text and"):
        read_lines("x", Path("lines.txt"))
