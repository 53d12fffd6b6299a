"""A tiny real run, made by the command line alone: corpus → prepare → train; and a way to see what a refusal leaves."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from valle_cli.main import run as run_valle

LINES = "The boat sails tonight.\nA red door opens.\nWe sing at noon.\nRain falls softly.\n"
SMALL = ("--arch", "transformer", "--arch.d-model", "32", "--arch.n-layers", "1", "--arch.n-heads", "2",
         "--batching.seconds", "80", "--device", "cpu", "--quiet")  # fmt: skip


@dataclass(frozen=True)
class Spine:
    """Everything a user has after the first three commands.

    Attributes:
        root: folder of all others.
        recordings: two speakers, four sentences each, with transcripts.
        data: prepared with the codec `mel-gl`.
        run: ten steps of training.
        prompt: a recording of 1–3 s.
    """

    root: Path
    recordings: Path
    data: Path
    run: Path
    prompt: Path

    def training(self, out: Path, *more: str) -> list[str]:
        """`valle train` at this size."""
        return ["train", "--data", str(self.data), "--out", str(out), *SMALL, "--steps", "10", *more]

    def speaking(self, out: Path, *more: str, text: str = "the boat sails") -> list[str]:
        """`valle synth` of half a second."""
        return ["synth", text, "--model", str(self.run), "--out", str(out), "--max-duration", "0.5", *more]


def quietly(*argv: str) -> None:
    """Run `valle` and insist that it works."""
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = run_valle(list(argv))
    assert code == 0, f"valle {' '.join(argv)}\n{errors.getvalue()}"


@pytest.fixture(scope="session")
def spine(tmp_path_factory) -> Spine:
    root = tmp_path_factory.mktemp("spine")
    script = root / "lines.txt"
    script.write_text(LINES)
    quietly("corpus", "--out", str(root / "corpus"), "--speaker", "en-us+m3", "--speaker", "en-us+f2", "--script",
            str(script), "--held-out-voices", "0", "--workers", "1")  # fmt: skip
    recordings = root / "corpus" / "train"
    quietly("prepare", str(recordings), "--out", str(root / "data"), "--codec", "mel-gl", "--device", "cpu", "--quiet")
    made = Spine(root, recordings, root / "data", root / "run", recordings / "en-us+f2" / "0001.wav")
    quietly(*made.training(made.run))
    return made


@pytest.fixture
def valle(capsys) -> Callable[..., tuple[int, str, str]]:
    """`valle("synth", …)` → (exit code, stdout, stderr), in this process."""

    def valle(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_valle([str(word) for word in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return valle


@pytest.fixture
def refused(valle, spine, tmp_path) -> Callable[..., str]:
    """`refused("synth", …)` → the one error line; nothing below the run's or the test's folder has changed."""

    def refused(*argv: str | Path, code: int = 2) -> str:
        before = listing(spine.root), listing(tmp_path)
        found, out, err = valle(*argv)
        errors = [line for line in err.splitlines() if not line.startswith(("note: ", "warning: "))]
        assert found == code, err
        assert len(errors) == 1, f"one line was expected:\n{err}"
        assert errors[0].startswith("error: ")
        assert "Traceback" not in err
        assert "unexpected" not in err
        assert not out
        assert (listing(spine.root), listing(tmp_path)) == before
        return errors[0].removeprefix("error: ")

    return refused


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file below a folder, and the folders; a lock that comes and goes changes
    only the time of the folder it lies in."""
    return {
        str(path.relative_to(folder)): (0, 0) if path.is_dir() else (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def listed() -> Callable[[Path], dict[str, tuple[int, int]]]:
    """`listed(folder)`: to compare a folder before and after."""
    return listing
