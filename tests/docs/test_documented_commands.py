"""Every shell and Python block of README.md and docs/ is run as written, on data small enough for a test.

A block may be preceded by a comment that a reader does not see:
`<!-- test: add FLAGS -->` appends flags to its commands (smaller sizes; the last of a repeated flag counts);
`add train FLAGS ; synth FLAGS` appends to those commands of `valle` only,
`<!-- test: replace OLD by NEW ; OLD by NEW -->` makes the numbers of a Python block smaller,
`<!-- test: slow -->` or `<!-- test: slow add FLAGS -->` runs it in the slow tier only,
`<!-- test: skip, REASON -->` leaves it out and says who checks it instead.
A block of another language with a file name behind it (```` ```yaml small.yaml ````) is written to that file.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

import valle
from valle_core.plugin import PluginSpec
from valle_testing.fakes.audio import tone_speech
from valle_testing.kinds import every_kind

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"(?:^<!-- test: (?P<order>.+?) -->\n)?^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S
)
JOURNEY = ("data.md", "train.md", "optimizers.md", "fine-tuning.md", "synthesise.md", "export.md")
"""Pages that build on each other, in this order and one folder."""

ALONE = [
    *sorted({path.name for path in (ROOT / "docs").glob("*.md")} - {*JOURNEY}),
    "../README.md",
    "../CONTRIBUTING.md",
]
EXAMPLES = sorted(
    f"plugins/{path.name}" for path in (ROOT / "docs" / "plugins").glob("*.md") if path.stem != "directory"
)
"""One page per kind of plugin; run as written in the slow tier, built and checked all at once in the fast one."""

IN_ONE_PROCESS = ("python.md",)
"""Their Python blocks follow each other, as in a notebook, where a run, a dataset and recordings are there."""

PROGRAMS = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}


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

    def smaller(self) -> str:
        """A Python block with what the order replaces."""
        text, (_, _, pairs) = self.text, self.order.partition("replace ")
        for old, new in (pair.split(" by ") for pair in pairs.split(" ; ") if pairs):
            assert old in text, f"{self.where}: no '{old}' to replace"
            text = text.replace(old, new)
        return text

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


def write(block: Block, folder: Path) -> None:
    target = folder / block.file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text, encoding="utf-8")


def execute(where: str, language: str, script: str, folder: Path, *arguments: str, timeout: float = 300) -> str:
    """Run a script in the folder; what lies in `folder/site` is installed for it. What it printed."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "site"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    found = subprocess.run(
        [*PROGRAMS[language], script, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    output = f"{script}\n{found.stdout[-2000:]}\n{found.stderr[-3000:]}"
    assert found.returncode == 0, f"{where} failed with {found.returncode}:\n{output}"
    return found.stdout


def run(page: str, folder: Path, *, slow: bool) -> list[str]:
    """Run a page's blocks in order; returns one line per block that was run."""
    done = []
    for block in blocks(page):
        if block.skipped or (block.slow and not slow):
            continue
        if block.file:
            write(block, folder)
            continue
        if block.language not in PROGRAMS or (block.language == "python" and page in IN_ONE_PROCESS):
            continue
        begin = time.perf_counter()
        execute(block.where, block.language, block.script(), folder)
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
    corpora_of_other_layouts(tmp_path)
    return tmp_path


def corpora_of_other_layouts(folder: Path) -> None:
    """The smallest LibriTTS, VCTK, Common Voice and lhotse manifests."""
    audio = folder / "LJSpeech-1.1" / "wavs" / "LJ001-0001.wav"

    def put(name: str, text: str = "") -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if text else audio.read_bytes())

    for subset in ("train-clean-100", "test-clean"):
        put(f"LibriTTS/{subset}/84/121/84_121_000.wav")
        put(f"LibriTTS/{subset}/84/121/84_121_000.normalized.txt", "a bell rang twice")
    put("VCTK-Corpus-0.92/wav48_silence_trimmed/p225/p225_001_mic1.flac")
    put("VCTK-Corpus-0.92/txt/p225/p225_001.txt", "a bell rang twice")
    for table in ("train", "test"):
        put(f"cv-corpus/en/clips/{table}.mp3")
        columns = "client_id\tpath\tsentence\tlocale\n"
        put(f"cv-corpus/en/{table}.tsv", f"{columns}f00\t{table}.mp3\ta bell rang twice\ten\n")
    source = {"type": "file", "channels": [0], "source": str(audio)}
    output = {"id": "u", "recording_id": "r", "start": 0, "duration": 0.9, "text": "a bell rang twice", "speaker": "s"}
    put("manifests/recordings.jsonl", json.dumps({"id": "r", "sources": [source], "duration": 1.02}))
    put("manifests/supervisions.jsonl", json.dumps(output))


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """What a reader of the Python pages has: `recordings`, `data`, `runs/first`, `voice.wav`."""
    root = tmp_path_factory.mktemp("trained")
    speaker = root / "recordings" / "anna"
    speaker.mkdir(parents=True)
    for number, text in enumerate(("the boat sails tonight", "every window was open", "rain falls softly")):
        soundfile.write(speaker / f"{number}.wav", np.asarray(tone_speech(text, sample_rate=22_050)), 22_050)
        (speaker / f"{number}.txt").write_text(text)
    shutil.copy(speaker / "0.wav", root / "voice.wav")
    data = valle.prepare(root / "recordings", out=root / "data", language="en-us", codec="mel-gl", device="cpu")
    small = {"name": "transformer", "d_model": 32, "n_layers": 1, "n_heads": 2}
    valle.train(data, out=root / "runs" / "first", arch=small, batching={"seconds": 10}, steps=1, device="cpu")
    return root


@pytest.mark.filterwarnings("ignore::valle.SpeechWarning")
@pytest.mark.parametrize("page", IN_ONE_PROCESS)
@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_python_of_a_page_works_as_written(page, slow, trained, tmp_path, monkeypatch):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python" and not block.file and not block.skipped and (slow or not block.slow):
            exec(compile(block.smaller(), block.where, "exec"), namespace)


@pytest.mark.parametrize("page", ["../README.md", "python.md"])
def test_python_begins_with_six_lines(page):
    first = next(block for block in blocks(page) if block.language == "python")
    lines = [line for line in first.text.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 6, lines
    assert "import valle" in lines
    for call in ("valle.load(", ".speak(", ".save("):
        assert call in first.text
    assert not first.skipped


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


@pytest.mark.slow
def test_the_guide_at_full_length_leads_to_speech_that_is_understood(folder):
    printed = ""
    for block in blocks("guide.md"):
        if block.file:
            write(block, folder)
        elif block.language in PROGRAMS:
            printed = execute(block.where, block.language, block.text, folder, timeout=3600)
    understood = re.fullmatch(r"(\d+) of 24 understood\n", printed)
    assert understood, printed
    assert int(understood[1]) >= 18, printed


CHECK = """
import sys
from valle_core.api import Registry, open_observers
from valle_testing.installed import check_plugin

def refuse(line):
    raise SystemExit(line)

registry = Registry.open()
mine = [entry for entry in registry.entries() if entry.distribution.startswith("acme-")]
bad = [f"{entry.name} is {entry.status}: {entry.why}" for entry in mine if entry.status != "ok"]
assert not bad and len(mine) >= len(sys.argv) - 1, (bad, len(mine))
open_observers(registry, refuse)
for kind, name in (word.split(":") for word in sys.argv[1:]):
    report = check_plugin(registry, kind, name)
    assert report.ok and report.name == name, report.table()
"""


def checked(page: str) -> list[str]:
    """`kind:name` of each `valle plugins check` in a page."""
    shell = "".join(block.text for block in blocks(page) if block.language == "bash")
    return [f"{kind}:{name}" for name, kind in re.findall(r"^valle plugins check (\S+) --kind (\S+)$", shell, re.M)]


def test_the_example_of_every_kind_is_listed_and_conforms(tmp_path):
    written = [block for page in EXAMPLES for block in blocks(page) if block.file]
    for block in written:
        write(block, tmp_path)
    projects = [f"./{Path(block.file).parent}" for block in written if Path(block.file).name == "pyproject.toml"]
    assert len(projects) == len(EXAMPLES)
    flags = "--quiet --no-build-isolation --no-deps --target site"
    execute("all examples", "bash", f"pip install {flags} {' '.join(projects)}", tmp_path)
    execute("all examples", "python", CHECK, tmp_path, *(pair for page in EXAMPLES for pair in checked(page)))


def test_every_kind_has_a_page_that_checks_its_example():
    for kind in [row for row in every_kind() if row.suite]:
        page = kind.name if kind.spec is PluginSpec else "hooks-and-commands"
        assert kind.name in [pair.split(":")[0] for pair in checked(f"plugins/{page}.md")]
    tutorial = (ROOT / "docs" / "plugin-tutorial.md").read_text(encoding="utf-8")
    assert [page for page in EXAMPLES if f"({page})" not in tutorial] == []


@pytest.mark.parametrize("page", EXAMPLES)
def test_an_example_depends_on_what_it_imports(page):
    written = [block for block in blocks(page) if "/tests/" not in block.file]
    imported = {found for block in written for found in re.findall(r"^(?:from|import) (valle_\w+)", block.text, re.M)}
    (project,) = (block.text for block in written if block.file.endswith("pyproject.toml"))
    needed = {
        re.match(r"[\w-]+", line)[0].replace("-", "_") for line in tomllib.loads(project)["project"]["dependencies"]
    }
    assert imported <= needed


def test_the_first_plugin_has_ten_lines():
    first = next(block for block in blocks("plugin-tutorial.md") if block.language == "python")
    assert len([line for line in first.text.splitlines() if line.strip()]) == 10


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES)
def test_the_page_of_a_kind_works_as_written(page, tmp_path):
    assert len(run(page, tmp_path, slow=True)) >= 2


def test_no_block_escapes_the_tests():
    for page in (*JOURNEY, *ALONE, *EXAMPLES):
        for block in blocks(page):
            assert block.language not in ("sh", "shell", "console", "py"), f"{block.where}: write bash or python"
            if block.skipped:
                assert len(block.order) > len("skip, ") + 10, f"{block.where}: say who checks it instead"
            elif block.order:
                known = re.match(r"(slow$|(slow )?(add .+|replace .+ by .+)$)", block.order)
                assert known, f"{block.where}: '{block.order}' is no order"
        fences = re.findall(r"^```\w+.*$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M)
        assert len(fences) == len(blocks(page)), f"{page}: a block is not closed, or its first line is odd"
