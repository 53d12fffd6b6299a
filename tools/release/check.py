"""`make release-check`: build every sdist and wheel, look into them, install them where nothing is, and use them.

Built wheels and sdists stay in `dist/`. What is installed and what is spoken lies in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

from release import artefacts, closure
from release.metadata import ROOT, folders, project_of

QUICK_START = (
    "valle --version",
    "valle list-plugins",
    "valle plugins info llama",
    "valle synth 'A voice from an empty environment.' --out any.wav --max-duration 4",
    "valle corpus --voices 2 --utterances 4 --workers 1 --out recordings",
    "valle prepare recordings --out data",
    "valle train --data data --out runs/first --steps 3 --batching.seconds 10 --quiet",
    "cp recordings/held-out/000-*/0000.wav voice.wav",
    "valle synth 'the boat sails tonight' --prompt voice.wav --model runs/first --out speech.wav --max-duration 0.5",
    "valle new-plugin sampler mine",
)
"""The way of README.md, small."""


PARTS = ("build", "look", "install")


def run(*words: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Run a program, said first; a failure ends the check with its exit code."""
    print("+", " ".join(map(str, words)), flush=True)
    done = subprocess.run([*map(str, words)], cwd=cwd, env=os.environ | environment, check=False)
    if done.returncode:
        raise SystemExit(f"error: exit code {done.returncode} from: {' '.join(map(str, words))}")


def build(dist: Path) -> None:
    """An sdist of every distribution, and from it the wheel."""
    shutil.rmtree(dist, ignore_errors=True)
    for folder in folders():
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, folder)


def look(dist: Path) -> None:
    """The files in them, their metadata, and what PyPI would refuse."""
    found = []
    for folder in folders():
        listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True, check=True).stdout
        found += artefacts.complaints(folder, dist, listed.splitlines())
    if found:
        raise SystemExit("\n".join(f"error: {line}" for line in found))
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
    sizes = {path.name: path.stat().st_size / 2**20 for path in dist.iterdir()}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:3]:
        print(f"{name}: {size:.1f} MiB")
    print(f"{len(sizes)} files, {sum(sizes.values()):.1f} MiB")


def install(place: Path, dist: Path) -> Path:
    """A new environment with all of them; its folder of programs."""
    run(sys.executable, "-m", "venv", place)
    python, constraints = place / "bin" / "python", ("--constraint", ROOT / "constraints.txt")
    pip = (python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check")
    index = os.environ.get("TORCH_INDEX", "")
    run(*pip, *constraints, "torch", **({"PIP_INDEX_URL": index} if index else {}))
    run(*pip, *constraints, *closure.of_others(folders()))
    ours = [f"{project['name']}=={project['version']}" for project in map(project_of, folders())]
    run(*pip, "--no-index", "--find-links", dist, *ours)
    run(python, "-m", "pip", "check")
    return python.parent


def use(programs: Path, place: Path) -> None:
    """The quick start, in an empty folder; both pieces of speech must be some."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    for line in QUICK_START:
        run("bash", "-euo", "pipefail", "-c", line, cwd=place, PATH=path, PYTHONPATH="", OMP_NUM_THREADS="1")
    for name in ("any.wav", "speech.wav"):
        with wave.open(str(place / name)) as speech:
            seconds, loud = speech.getnframes() / speech.getframerate(), any(speech.readframes(speech.getnframes()))
        if not (seconds > 0.2 and loud):
            raise SystemExit(f"error: {name} must be at least 0.2 s of sound, got {seconds:.2f} s, silent: {not loud}")
        print(f"{name}: {seconds:.2f} s")


def main(words: list[str]) -> int:
    """Everything, or the parts that are named; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given twice")
    parts, dist = parser.parse_args(words).only or PARTS, ROOT / "dist"
    if "build" in parts:
        build(dist)
    if "look" in parts:
        look(dist)
    if "install" in parts:
        with tempfile.TemporaryDirectory(prefix="valle-release-") as folder:
            place = Path(folder)
            (place / "work").mkdir()
            use(install(place / "environment", dist), place / "work")
    print("release-check: all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
