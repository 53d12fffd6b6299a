"""A third party's package where nothing of valle is installed but the core: checked, trained with, sampled with.

The environment is a fresh venv. `valle-core` and the package are built into wheels and installed into it by pip. What
they depend on (torch, numpy, …) is *shared* with the environment that runs the tests, through a folder of links to all
that is installed there and is not valle's; so it is their code that is isolated, not the installation of torch.
Codec, frontend and task are the fakes of `valle_testing`, announced as plugins once the listing has been looked
at: the core by itself has none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

WINGS = ("valle-data", "valle-language", "valle-testing")
"""To prepare a dataset and to check: no command line, no plugin."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Clean:
    """A venv and a copy of the package's sources."""

    python: Path
    package: Path

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
    folder.mkdir()
    for place in (Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")):
        for child in sorted(place.iterdir()):
            name = child.name.lower()
            own = name.startswith(("valle", "_editable_impl_", "__editable__")) or name.endswith((".pth", ".egg-link"))
            if not own and not (folder / child.name).exists():
                (folder / child.name).symlink_to(child, target_is_directory=child.is_dir())


@pytest.fixture(scope="module")
def clean(package, tmp_path_factory) -> Clean:
    folder = tmp_path_factory.mktemp("clean")
    share_what_is_not_valle(folder / "shared")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "shared.pth").write_text(f"{folder / 'shared'}\n", encoding="utf-8")
    copy = shutil.copytree(package, folder / "acme-valle", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check"]
    [ROOT / "plugins" / wing for wing in WINGS]
    wheels = subprocess.run(
        [
            *pip,
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            ROOT,
            *(ROOT / "plugins" / wing for wing in WINGS),
            copy,
        ],
        capture_output=True,
        text=True,
    )
    assert wheels.returncode == 0, wheels.stderr
    return Clean(python, copy)


@pytest.fixture(scope="module")
def facts(clean, installer, tmp_path_factory) -> dict:
    work = tmp_path_factory.mktemp("work")
    groups = {f"valle.{kind}": {"fake": f"fake_plugins:{kind.upper()}"} for kind in ("codec", "frontend", "task")}
    installer(work / "fakes", "fake-plugins", "0", groups)
    shutil.copy(HERE / "fake_plugins.py", work / "fakes")
    script = shutil.copy(HERE / "train_and_sample.py", work)
    clean.run("-I", script, work, cwd=work)
    return json.loads((work / "facts.json").read_text(encoding="utf-8"))


def test_nothing_of_valle_is_there_but_the_core_and_the_package(facts, clean):
    seen = facts["listed"]
    assert seen["valle"] == ["acme-valle", "valle-core", *WINGS]
    assert seen["importable"] == []
    assert Path(seen["core"]).is_relative_to(clean.python.parents[1])
    assert facts["loaded"] == ["valle_core", "valle_data", "valle_language", "valle_testing"]


def test_the_registry_lists_its_two_plugins_and_no_other(facts):
    assert facts["listed"]["plugins"] == [
        ["arch", "acme-retention", "acme-valle", "ok"],
        ["sampler", "acme-eta", "acme-valle", "ok"],
        ["acme-voicing", "acme-energy", "acme-valle", "ok"],
    ]


def test_both_pass_the_suites_that_come_with_the_core(facts):
    assert facts["checked"]["ok"], "\n".join(facts["checked"]["tables"])


def test_its_own_tests_pass_where_it_is_installed(clean):
    said = clean.run("-I", "-m", "pytest", "-p", "no:cacheprovider", "tests", cwd=clean.package)
    assert " passed" in said


def test_a_model_over_its_backbone_learns(facts):
    trained = facts["trained"]
    assert trained["step"] == 40
    assert trained["last"] < 0.8 * trained["first"]


def test_its_sampler_draws_what_is_said_alike_alone_and_in_a_batch(facts):
    spoken = facts["spoken"]
    assert spoken["sampler"] == "acme_valle.eta"
    assert min(spoken["samples"]) > 0
    assert spoken["finite"]
    assert spoken["alike"]
