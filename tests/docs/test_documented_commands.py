"""Every shell and Python block of README.md and docs/ is run as written, on data small enough for a test.

A block may be preceded by a comment that a reader does not see:
`<!-- test: add FLAGS -->` appends flags to its commands (smaller sizes; the last of a repeated flag counts);
`add train FLAGS ; synth FLAGS` appends to those commands of `valle` only,
`<!-- test: slow -->` or `<!-- test: slow add FLAGS -->` runs it in the slow tier only,
`<!-- test: skip, REASON -->` leaves it out and says who checks it instead.
A block of another language with a file name behind it (```` ```yaml small.yaml ````) is written to that file.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from valle_core.testing.fakes import tone_speech

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"(?:^<!-- test: (?P<order>.+?) -->\n)?^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S
)
JOURNEY = ("data.md", "train.md", "synthesise.md")
"""Pages that build on each other, in this order and one folder."""

ALONE = [*sorted({path.name for path in (ROOT / "docs").glob("*.md")} - {*JOURNEY}), "../README.md"]


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: where it stands, what it is, and what the comment above it orders."""

    where: str
    language: str
    file: str
    text: str
    order: str

    @property
    def skipped(self) -> bool:
        return self.order.startswith("skip")

    @property
    def slow(self) -> bool:
        return self.order.split(" ")[0] == "slow"

    def script(self) -> str:
        """The block with the flags added to its commands."""
        _, _, flags = self.order.partition("add ")
        if not flags:
            return self.text
        lines = [line.partition(" #")[0].rstrip() for line in self.text.replace("\\\n", " ").splitlines()]
        for part in flags.split(" ; "):
            command, _, rest = ("", "", part) if part.startswith("-") else part.partition(" ")
            wanted = f"valle {command} " if command else ""
            assert any(line.startswith(wanted) for line in lines), f"{self.where}: no '{wanted}' to add flags to"
            lines = [f"{line} {rest}" if line and line.startswith(wanted) else line for line in lines]
        return "\n".join(lines)


def blocks(page: str) -> list[Block]:
    path = ROOT / "docs" / page
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            where=f"{path.name}:{text.count(chr(10), 0, found.start('language')) + 1}",
            language=found["language"],
            file=found["file"] or "",
            text=found["text"],
            order=found["order"] or "",
        )
        for found in FENCE.finditer(text)
    ]


def run(page: str, folder: Path, *, slow: bool) -> list[str]:
    """Run a page's blocks in order; returns one line per block that was run."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "site"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    done = []
    for block in blocks(page):
        if block.skipped or (block.slow and not slow):
            continue
        if block.file:
            target = folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
            continue
        programs = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}
        if block.language not in programs:
            continue
        begin = time.perf_counter()
        found = subprocess.run(
            [*programs[block.language], block.script()],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        said = f"{block.script()}\n{found.stdout[-2000:]}\n{found.stderr[-3000:]}"
        assert found.returncode == 0, f"{block.where} failed with {found.returncode}:\n{said}"
        done.append(f"{block.where} {time.perf_counter() - begin:.1f} s")
    return done


@pytest.fixture
def folder(tmp_path):
    """An empty folder but for a small LJSpeech."""
    wavs = tmp_path / "LJSpeech-1.1" / "wavs"
    wavs.mkdir(parents=True)
    rows = [("LJ001-0001", "a bell rang twice"), ("LJ001-0002", "the door is open"), ("LJ001-0003", "come in")]
    for name, text in rows:
        soundfile.write(wavs / f"{name}.wav", np.asarray(tone_speech(text, sample_rate=22_050)), 22_050)
    table = "".join(f"{name}|{text}|{text}\n" for name, text in rows)
    (wavs.parent / "metadata.csv").write_text(table, encoding="utf-8")
    return tmp_path


def test_the_journey_from_recordings_to_speech_works_as_written(folder):
    done = [line for page in JOURNEY for line in run(page, folder, slow=False)]
    assert len(done) >= 8, done


@pytest.mark.slow
def test_the_whole_journey_works_as_written(folder):
    for page in JOURNEY:
        run(page, folder, slow=True)


@pytest.mark.parametrize("page", ALONE)
def test_a_page_that_stands_alone_works_as_written(page, folder):
    run(page, folder, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in ALONE if any(block.slow for block in blocks(page))])
def test_all_of_a_page_that_stands_alone_works_as_written(page, folder):
    run(page, folder, slow=True)


def test_no_block_escapes_the_tests():
    for page in (*JOURNEY, *ALONE):
        for block in blocks(page):
            assert block.language not in ("sh", "shell", "console", "py"), f"{block.where}: write bash or python"
            if block.skipped:
                assert len(block.order) > len("skip, ") + 10, f"{block.where}: say who checks it instead"
            elif block.order:
                assert re.match(r"(slow( add .+)?|add .+)$", block.order), f"{block.where}: '{block.order}' is no order"
        fences = re.findall(r"^```\w+.*$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
        assert len(fences) == len(blocks(page)), f"{page}: a block is not closed, or its first line is odd"
