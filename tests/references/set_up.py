"""Makes the reference environment: `python tests/references/set_up.py .venv-references` (what `make references` runs).

It is a virtual environment on top of the one that runs this file: it reads that one's packages (torch, transformers,
our own distributions) and adds the groups of `references.txt`. A group that cannot be installed is named with the
reason, and the others go on. Run again, it does only what is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
LIST = HERE.parents[1] / "references.txt"
GROUP = re.compile(r"# \[(?P<name>[\w.-]+)\] (?P<module>[\w.]+)$")
WITHOUT_CUDA = {"MAMBA_FORCE_BUILD": "TRUE", "MAMBA_SKIP_CUDA_BUILD": "TRUE"}
"""mamba-ssm builds its kernels only where there is CUDA; its reference functions are Python."""

STRIP = """
import importlib.util, pathlib, torch
spec = importlib.util.find_spec("torchaudio")
if torch.version.cuda is None and spec and spec.origin:
    for library in pathlib.Path(spec.origin).parent.glob("lib/*.so"):
        library.unlink()
"""
"""Every torchaudio wheel links CUDA libraries; beside a CPU torch it imports only without them, as pure Python."""


@dataclass(slots=True)
class Group:
    """One reference: its name, the module that shows that it is there, and its pinned requirements."""

    name: str
    module: str
    requirements: list[str] = field(default_factory=list)


def groups(text: str) -> list[Group]:
    """The groups of a `references.txt`. Raises `SystemExit` for a line outside a group or without a pin."""
    found: list[Group] = []
    for number, line in enumerate(text.splitlines(), 1):
        if heading := GROUP.match(line):
            found.append(Group(heading["name"], heading["module"]))
        elif line.strip() and not line.startswith("#"):
            if not found or "==" not in line:
                raise SystemExit(f"error: references.txt:{number}: '{line}' is not pinned with == in a group")
            found[-1].requirements.append(line.strip())
    return found


def make_environment(folder: Path) -> Path:
    """The environment's interpreter, on top of the packages of this one; made anew where it is of another Python."""
    python = folder / "bin" / "python"
    version = "import sys; print(sys.version_info[:2])"
    if not python.exists() or run([str(python), "-c", version]).stdout.strip() != str(sys.version_info[:2]):
        venv.create(folder, with_pip=True, symlinks=True, clear=True)
    below = sysconfig.get_path("purelib")
    path = run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).stdout.strip()
    # addsitedir and not a plain path: that environment's own .pth files (editable installs) count too.
    lines = [f"import site; site.addsitedir({below!r})", str(HERE / "stand_ins")]
    (Path(path) / "zz_below.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return python


def install(python: Path, group: Group) -> str:
    """Install one group; returns "" or why it is not there."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = run([*pip, "--no-deps", "--no-build-isolation", *group.requirements], WITHOUT_CUDA)
    if done.returncode:
        return output_of(done)
    run([str(python), "-c", STRIP])
    shown = run([str(python), "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); import without_startup; "
                 f"import {group.module}"])  # fmt: skip
    return output_of(shown) if shown.returncode else ""


def run(command: list[str], extra: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A finished process with its output as text."""
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | (extra or {}))


def output_of(done: subprocess.CompletedProcess[str]) -> str:
    """The line of a failed process that says most: the last that speaks of an error."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and not line.startswith("note:")]
    return (errors or lines or [f"exit code {done.returncode}"])[-1]


def main() -> None:
    """Make or complete the environment named on the command line, and say what is there."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tests/references/set_up.py FOLDER")
    python = make_environment(Path(sys.argv[1]).absolute())
    missing = {}
    for group in groups(LIST.read_text(encoding="utf-8")):
        if reason := install(python, group):
            missing[group.name] = reason
        print(f"{group.name}: {'NOT installed: ' + reason if reason else 'ok'}", flush=True)
    if missing:
        print(f"note: the references {', '.join(missing)} are missing; `make test-references` says so for each")


if __name__ == "__main__":
    main()
