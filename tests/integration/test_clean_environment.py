"""An exported folder in a second environment, which has few plugins: it speaks, or names what is missing."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import soundfile

pytestmark = pytest.mark.slow

FEW = (
    "valle", "valle_core", "valle_data", "valle_language", "valle_kit", "valle_testing", "valle_bench",
    "valle_transformer", "valle_attention_sdpa", "valle_codec_tiny", "valle_espeak", "valle_tasks", "valle_samplers",
    "valle_export", "valle_losses", "valle_optimizers",
)  # fmt: skip


def environment(folder: Path, distributions: tuple[str, ...]) -> Path:
    """A virtual environment with all third-party packages of this one, and of ours only some; its python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    here = Path(sysconfig.get_paths()["purelib"])
    there = folder / here.relative_to(sys.prefix)
    for entry in here.iterdir():
        name = entry.name.lower().lstrip("_").replace("-", "_")  # a distribution, its metadata or its .pth
        ours = name.startswith("valle") or (entry.suffix == ".pth" and "valle" in name)
        kept = any(
            name.startswith((f"{one}_0.", f"{one}-0.", f"{one}-0.", f"{one}.pth", f"editable_impl_{one}.pth"))
            for one in distributions
        )
        if (not ours and "valle" not in name) or kept:
            (there / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


def ran(python: Path, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(python), "-m", "valle_cli", *map(str, words)], capture_output=True, text=True, cwd=cwd)


def test_it_speaks_where_its_plugins_are_and_names_those_that_are_missing(valle, spine, tmp_path):
    assert valle("export", spine.run, "--out", tmp_path / "model")[0] == 0
    speak = ("synth", "the boat sails", "--model", "model", "--max-duration", "0.5", "--seed", "3", "--prompt",
             spine.prompt, "--out")  # fmt: skip
    enough = environment(tmp_path / "enough", FEW)
    found = ran(enough, *speak, "second.wav", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    words = ["synth", "the boat sails", "--model", str(spine.run), *speak[4:-1], "--out", tmp_path / "first.wav"]
    assert valle(*words)[0] == 0
    assert (tmp_path / "first.wav").read_bytes() == (tmp_path / "second.wav").read_bytes()
    assert soundfile.info(tmp_path / "second.wav").duration > 0

    lacking = environment(tmp_path / "lacking", tuple(set(FEW) - {"valle_transformer", "valle_tasks"}))
    found = ran(lacking, *speak, "third.wav", cwd=tmp_path)
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
    for what in ("arch 'transformer' of valle-transformer", "task 'tts' of valle-tasks"):
        assert what in found.stderr
        assert f"Install it with: valle plugins install {what.rpartition(' ')[2]}" in found.stderr
    assert not (tmp_path / "third.wav").exists()
    found = ran(lacking, "plugins", "lock", "model", "--check", cwd=tmp_path)
    assert found.returncode == 1
    assert "install them with: valle plugins install valle-tasks valle-transformer" in found.stdout
