"""A run remembers who made it, its codec and its frontend included, and every command says what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from valle_core.checkpoint.folder import find_checkpoint
from valle_testing.runs import change_plugin


@pytest.fixture
def copy(spine, tmp_path) -> Path:
    """The run, to be changed."""
    return Path(shutil.copytree(spine.run, tmp_path / "run"))


def speaking(run: Path, out: Path) -> list[str]:
    return ["synth", "the boat sails", "--model", str(run), "--out", str(out), "--max-duration", "0.2"]


def test_dataset_and_run_say_who_provided_codec_and_frontend(spine):
    made = {"codec": ("mel-gl", "valle-codec-tiny"), "frontend": ("espeak", "valle-espeak")}
    for path in (spine.data / "dataset.json", find_checkpoint(spine.run) / "manifest.json"):
        plugins = {one["kind"]: (one["name"], one["distribution"]) for one in json.loads(path.read_text())["plugins"]}
        assert {kind: plugins[kind] for kind in made} == made


@pytest.mark.parametrize(
    ("kind", "name", "distribution"),
    [
        ("arch", "transformer", "valle-transformer"),
        ("codec", "mel-gl", "valle-codec-tiny"),
        ("frontend", "espeak", "valle-espeak"),
    ],
)
def test_speaking_without_a_plugin_of_the_run_names_it_and_its_version(
    refused, spine, tmp_path, monkeypatch, kind, name, distribution
):
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", name)
    line = refused(*speaking(spine.run, tmp_path / "o.wav"))
    assert f"was made with {kind} '{name}' of {distribution} 0.1.0, which is disabled" in line


@pytest.mark.parametrize("kind", ["codec", "frontend"])
def test_a_codec_or_frontend_that_is_not_installed_comes_with_the_install_line(refused, copy, tmp_path, kind):
    change_plugin(copy, kind, name="vanished", distribution="acme-vanished", version="3.1")
    line = refused(*speaking(copy, tmp_path / "o.wav"))
    assert f"was made with {kind} 'vanished' of acme-vanished 3.1, which is not installed" in line
    assert line.endswith("pip install acme-vanished==3.1")


def test_other_versions_are_warnings_and_it_speaks(valle, copy, tmp_path):
    for kind in ("arch", "codec", "frontend"):
        change_plugin(copy, kind, version="0.0.9")
    code, _, err = valle(*speaking(copy, tmp_path / "o.wav"))
    assert code == 0
    warnings = [line for line in err.splitlines() if line.startswith("warning: ") and "0.0.9" in line]
    assert len(warnings) == 3
    assert all("0.1.0 is installed. To have the same again, install valle-" in line for line in warnings)


def test_resuming_with_another_version_is_a_warning(valle, spine, copy):
    change_plugin(copy, "arch", version="0.0.9")
    code, _, err = valle(*spine.training(copy, "--steps", "11", "--resume"))
    assert code == 0
    assert "was made with arch 'transformer' of valle-transformer 0.0.9, and 0.1.0 is installed" in err


def test_a_run_made_before_codec_and_frontend_were_written_down_still_speaks(valle, copy, tmp_path):
    path = find_checkpoint(copy) / "manifest.json"
    stored = json.loads(path.read_text())
    stored["plugins"] = [one for one in stored["plugins"] if one["kind"] not in ("codec", "frontend")]
    path.write_text(json.dumps(stored))
    assert valle(*speaking(copy, tmp_path / "o.wav"))[0] == 0


def test_a_dataset_made_before_its_plugins_were_written_down_still_trains(valle, spine, tmp_path):
    data = Path(shutil.copytree(spine.data, tmp_path / "data"))
    stored = json.loads((data / "dataset.json").read_text())
    del stored["plugins"]
    (data / "dataset.json").write_text(json.dumps(stored))
    argv = spine.training(tmp_path / "r", "--steps", "1")
    argv[argv.index("--data") + 1] = str(data)
    assert valle(*argv)[0] == 0
