"""`make release-check` does all its parts in order, and each stops it."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from release import check


@pytest.fixture
def done(monkeypatch) -> list[str]:
    """The parts that were done, in order, instead of doing them."""
    parts: list[str] = []
    monkeypatch.setattr(check, "build", lambda dist: parts.append("build"))
    monkeypatch.setattr(check, "look", lambda dist: parts.append("look"))
    monkeypatch.setattr(check, "install", lambda place, dist: parts.append("install") or place)
    monkeypatch.setattr(check, "use", lambda programs, place: parts.append("use"))
    return parts


def test_all_parts_are_done_where_none_is_named(done):
    assert check.main([]) == 0
    assert done == ["build", "look", "install", "use"]


def test_one_part_can_be_done_alone(done):
    assert check.main(["--only", "look"]) == 0
    assert done == ["look"]


def test_a_program_that_fails_ends_the_check(tmp_path):
    with pytest.raises(SystemExit, match=r"^error: exit code 3 from: "):
        check.run(sys.executable, "-c", "raise SystemExit(3)", cwd=tmp_path)


@pytest.mark.parametrize(("samples", "complaint"), [(b"\0\0" * 8000, "silent: True"), (b"\1\0" * 80, "got 0.01 s")])
def test_speech_that_is_none_ends_the_check(tmp_path, monkeypatch, samples, complaint):
    monkeypatch.setattr(check, "QUICK_START", ())
    spoken(tmp_path / "any.wav", b"\1\0" * 8000)
    spoken(tmp_path / "speech.wav", samples)
    with pytest.raises(SystemExit, match=rf"error: speech\.wav must be .*{complaint}"):
        check.use(Path("bin"), tmp_path)


def spoken(path: Path, samples: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples)


def test_the_quick_start_is_run_in_the_new_environment_from_outside_of_the_checkout(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(check, "QUICK_START", ('echo "$PATH"; pwd',))
    for name in ("any.wav", "speech.wav"):
        spoken(tmp_path / name, b"\1\0" * 8000)
    check.use(Path("/new/bin"), tmp_path)
    said = capfd.readouterr().out
    assert "\n/new/bin:" in said
    assert f"\n{tmp_path}\n" in said
