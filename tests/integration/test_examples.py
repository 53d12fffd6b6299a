"""The scripts and the notebook in `examples/` run as they are, on a model small enough for a test."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile

import valle
from valle_core.registry.registry import Registry
from valle_testing.fakes.distribution import announce
from valle_testing.installed import check_plugin

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.py"))
NOTEBOOK = EXAMPLES / "speak.ipynb"
PLUGIN = EXAMPLES / "one_file_plugin"

pytestmark = pytest.mark.filterwarnings("ignore::valle.SpeechWarning")


@pytest.fixture
def example(monkeypatch, tmp_path, capsys):
    """`example("speak.py", …)` runs the script in an empty folder → what it printed."""

    def run(name: str, *arguments: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        capsys.readouterr()
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_they_are_short_and_each_is_listed():
    assert len(SCRIPTS) == 5
    assert {
        path.name: len(path.read_text().splitlines()) for path in SCRIPTS if path.read_text().count("\n") > 40
    } == {}
    page = (EXAMPLES / "README.md").read_text()
    assert [path.name for path in [*SCRIPTS, NOTEBOOK] if f"({path.relative_to(EXAMPLES)})" not in page] == []


def test_they_are_checked_as_strictly_as_a_type_checker_can():
    """`make check` runs it: a public name without a type would make it red."""
    checked = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]
    assert "examples" in checked["include"]
    assert "examples/**/*.py" in checked["strict"]
    used = {name for path in SCRIPTS for name in re.findall(r"valle\.(\w+)\(", path.read_text())}
    assert used == {"load", "prepare", "train", "list_plugins"}


def test_a_folder_of_recordings_becomes_a_voice(example, spine, tmp_path):
    printed = example("train_on_a_folder.py", spine.recordings, spine.prompt, 1)
    assert printed.startswith("8 utterances of 2 speakers")
    assert "step 1: loss" in printed
    assert "speech.wav\n" in printed
    assert 0 < soundfile.info(tmp_path / "speech.wav").duration < 4.1


def test_a_sampler_of_your_own_speaks(example, spine, tmp_path):
    printed = example("custom_sampler.py", spine.run, spine.prompt)
    assert [line.split(":")[0] for line in printed.splitlines()] == ["usual", "cooling", "by name"]
    sounds = [(tmp_path / f"{name}.wav").read_bytes() for name in ("usual", "cooling", "by name")]
    assert len(set(sounds)) == 3


def test_two_backbones_are_compared(example, spine):
    printed = example("compare_backbones.py", spine.data, 1)
    assert printed.startswith("backbones: bitnet, llama, ")
    assert [line.split()[0] for line in printed.splitlines()[-2:]] == ["llama", "retnet"]


@pytest.mark.slow
def test_the_voice_in_the_box_speaks(example, tmp_path):
    printed = example("speak.py", "Any English text.")
    assert "ben     male" in printed
    assert re.search(r"^ \d\.\d\d s  ˈɛni$", printed, re.M)
    assert soundfile.info(tmp_path / "speech.wav").duration > 0.8


@pytest.fixture
def announced(tmp_path, monkeypatch):
    """The plugin's file on the path, with the metadata that pip would write of its pyproject.toml."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    announce(tmp_path / "site", project["name"], project["entry-points"], version=project["version"])
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("acme_cooling", None)


def test_the_plugin_of_one_file_conforms_and_speaks(announced, spine):
    (found,) = [plugin for plugin in valle.list_plugins("sampler") if plugin.name == "cooling"]
    assert (found.distribution, found.status, found.summary) == ("acme-cooling", "ok", "Begins bold and grows calm")
    report = check_plugin(Registry.open(), "sampler", "cooling")
    assert report.ok, report.table()
    voice = valle.load(spine.run, device="cpu")
    warm, cold = (
        voice.speak("rain falls", sampler={"name": "cooling", "first": first}, max_seconds=0.3) for first in (9, 0.8)
    )
    assert not warm.codes.equal(cold.codes)
    for wrong in (0, -1, 1e9):
        with pytest.raises(valle.UserError, match=r"first must be in \[0\.01, 1000\], got"):
            voice.speak("rain falls", sampler={"name": "cooling", "first": wrong})


@pytest.mark.slow
def test_the_plugin_of_one_file_is_installed_by_pip(tmp_path):
    flags = ["--quiet", "--no-build-isolation", "--no-deps", "--target", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, str(PLUGIN)], check=True)
    command = [sys.executable, "-m", "valle_cli", "list-plugins", "--kind", "sampler", "--json"]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, check=True)
    assert ("cooling", "ok") in {(row["name"], row["status"]) for row in json.loads(done.stdout)}


def cells() -> list[dict]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_the_notebook_is_small_and_holds_no_sound_and_no_error():
    assert NOTEBOOK.stat().st_size < 120_000
    shown = [output for cell in cells() for output in cell.get("outputs", ())]
    assert not [output for output in shown if output["output_type"] in ("error", "stream")]
    assert "data:audio" not in NOTEBOOK.read_text(encoding="utf-8")
    assert [output for output in shown if "image/png" in output.get("data", ())], "the spectrogram is shown"


@pytest.mark.slow
def test_the_notebook_runs_as_a_notebook(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum("<audio controls" in output["data"].get("text/html", "") for output in shown) == 2
    assert sum("image/png" in output["data"] for output in shown) == 1
    assert any("ˈ" in output["data"].get("text/plain", "") for output in shown)
