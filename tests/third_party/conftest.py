"""The package of a third party, as its makers have it (its own tests run where it is installed), and clean venvs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).with_name("acme-valle")
collect_ignore = [PACKAGE.name]


@pytest.fixture(scope="session")
def package() -> Path:
    """Folder of its sources."""
    return PACKAGE


@pytest.fixture(scope="session")
def project(package) -> dict:
    """The `[project]` table of its pyproject.toml."""
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@dataclass(slots=True)
class Clean:
    """A venv, and a copy of the package's sources where one is installed."""

    python: Path
    package: Path | None = None

    def run(self, *words: str | Path, cwd: Path) -> str:
        """Run its Python, with nothing inherited that could name another place to import from."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VALLE", "VIRTUAL_ENV"))}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"}
        command = [str(word) for word in (self.python, *words)]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout


def share_what_is_not_valle(folder: Path) -> None:
    """Links to everything installed here but valle's own distributions and the hooks of editable installs."""
    folder.mkdir(parents=True)
    for place in (Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")):
        for child in sorted(place.iterdir()):
            name = child.name.lower()
            own = name.startswith(("valle", "_editable_impl_", "__editable__")) or name.endswith((".pth", ".egg-link"))
            if not own and not (folder / child.name).exists():
                (folder / child.name).symlink_to(child, target_is_directory=child.is_dir())


@pytest.fixture(scope="session")
def environment():
    """`environment(folder, projects)`: a venv in which these folders, and nothing else of valle, are installed.

    Wheels are built of them by pip. What they depend on is shared with the environment that runs the tests.
    """

    def environment(folder: Path, projects: Sequence[Path]) -> Clean:
        share_what_is_not_valle(folder / "shared")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
        (site / "shared.pth").write_text(f"{folder / 'shared'}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
        how = ["--no-deps", "--no-build-isolation", "--no-index"]
        wheels = subprocess.run([*pip, *how, *projects], capture_output=True, text=True)
        assert wheels.returncode == 0, wheels.stderr
        return Clean(python)

    return environment
