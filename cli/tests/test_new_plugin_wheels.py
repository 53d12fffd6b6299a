"""A new plugin of every kind as its users get it: built, installed from the wheel, listed, checked, tested.

All kinds go through each step together, because starting pip, torch and pytest is what takes the time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from valle_cli.main import run
from valle_testing.kinds import every_kind
from valle_testing.new_plugin.package import TEMPLATES

TESTING = Path(__file__).parents[2] / "plugins" / "valle-testing"
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
CHECK = """
import sys
from valle_cli.main import run
codes = [run(["plugins", "check", f"my-{kind}", "--kind", kind]) for kind in sys.argv[1:]]
sys.exit(any(codes))
"""


def ran(command: list[str], folder: Path, site: Path | None = None) -> str:
    """What it prints; fails unless it ends with 0."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(site)} if site else {})
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_every_kind_builds_installs_conforms_and_passes_its_tests_from_the_wheel(tmp_path, capsys):
    tree, wheels, site = tmp_path / "tree", tmp_path / "wheels", tmp_path / "site"
    kinds = [row.name for row in every_kind() if row.template]
    assert not any(run(["new-plugin", kind, f"my-{kind}", "--into", str(tree)]) for kind in kinds)
    folders = [f"./valle-my-{kind}-plugin" for kind in kinds]
    ran([*PIP, "wheel", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", str(wheels), *folders], tree)
    built = sorted(map(str, wheels.glob("*.whl")))
    assert len(built) == len(kinds)
    ran([*PIP, "install", "--no-index", "--no-deps", "--target", str(site), *built], tree)
    for folder in folders:
        shutil.rmtree(tree / folder / "src")  # nothing below may come from the tree

    listed = json.loads(ran([sys.executable, "-m", "valle_cli", "list-plugins", "--json"], tree, site))
    mine = {row["kind"]: (row["name"], row["status"], row["why"]) for row in listed if row["name"].startswith("my-")}
    assert mine == {kind: (f"my-{kind}", "ok", "") for kind in kinds}

    output = ran(
        [sys.executable, "-c", CHECK, *(row.name for row in [row for row in every_kind() if row.suite])], tree, site
    )
    assert output.count(" 0 failed, 0 expected-fail") == len([row for row in every_kind() if row.suite])

    # An own, empty configuration: this repository's must not choose the tests.
    (tree / "pytest.ini").write_text("[pytest]\n")
    ran([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pytest.ini", "."], tree, site)


def test_the_wheel_carries_the_templates(tmp_path):
    ran([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)], TESTING)
    (wheel,) = tmp_path.glob("*.whl")
    here = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*") if path.is_file()}
    here = {name for name in here if "__pycache__" not in name}
    with zipfile.ZipFile(wheel) as archive:
        prefix = "valle_testing/templates/"
        carried = {name.removeprefix(prefix) for name in archive.namelist() if name.startswith(prefix)}
        archive.extractall(tmp_path / "site")
    assert carried == here
    command = [sys.executable, "-m", "valle_cli", "new-plugin", "sampler", "mine", "--json"]
    files = json.loads(ran(command, tmp_path, tmp_path / "site"))["files"]
    assert "src/valle_mine_plugin/sampler.py" in files
