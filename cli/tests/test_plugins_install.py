"""`valle plugins install` and `uninstall`: what they hand to pip or uv, and one real installation.

Most tests record the command line instead of running it; they say nothing about pip. The slow one runs the real pip.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from valle_cli import installer, targets
from valle_cli.checkout import place_of
from valle_cli.commands import plugins_install
from valle_cli.installed import Installed
from valle_cli.known import KNOWN
from valle_cli.targets import Target, to_install

SPEC = """
from valle_core.plugin import PluginSpec
SPEC = PluginSpec(kind="sampler", name="softcap", api=1, summary="Squeezes", factory="acme_softcap:x", options="a:b")
"""
PIP = [sys.executable, "-m", "pip"]


@pytest.fixture
def ran(monkeypatch) -> list[list[str]]:
    """The command lines that would have been run."""
    commands: list[list[str]] = []

    def run(command, **settings):
        commands.append(list(command))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(installer.subprocess, "run", run)
    monkeypatch.setattr(plugins_install, "_listed", lambda *, safe: [])
    return commands


def without_pip(monkeypatch, tmp_path, *, uv: bool) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        installer.importlib.util, "find_spec", lambda name: None if name in ("pip", "uv") else find(name)
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    if uv:
        (tmp_path / "uv").write_text("#!/bin/sh\n")
        (tmp_path / "uv").chmod(0o755)


@pytest.mark.parametrize(
    ("words", "requirements"),
    [
        (["mamba==0.1.0"], ["valle-mamba==0.1.0"]),
        (["mamba2>=0", "mamba>=0"], ["valle-mamba>=0"]),
        (["mamba[kernels]>=0.1,<2"], ["valle-mamba[kernels]>=0.1,<2"]),
        (["somebodys-plugin"], ["somebodys-plugin"]),
        (["lamma>=0"], ["lamma>=0"]),
        (["acme:softcap"], ["acme"]),
        (["git+https://example.org/x.git"], ["git+https://example.org/x.git"]),
    ],
)
def test_names_of_plugins_become_distributions(valle, ran, words, requirements):
    assert valle("plugins", "install", *words, "--yes")[0] == 0
    assert ran == [[*PIP, "install", "--disable-pip-version-check", *requirements]]


def distribution(folder: Path, name: str, *dependencies: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    needs = json.dumps(list(dependencies))
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\ndependencies = {needs}\n')
    return folder


@pytest.fixture
def from_checkout(monkeypatch, tmp_path):
    """`from_checkout(editable=…, where="cli")`: valle as it is installed from a folder of a checkout, nothing else."""
    root = distribution(tmp_path / "checkout", "valle-core")
    distribution(root / "cli", "valle")
    distribution(root / "benchmarks", "valle-bench", "valle-core>=0.1")
    distribution(root / "plugins/valle-mamba", "valle-mamba", "valle-core", "valle-kit>=0.1", "numpy>=2")
    distribution(root / "plugins/valle-kit", "valle-kit", "valle-language; python_version > '3'", "valle-core")
    distribution(root / "plugins/valle-language", "valle-language")
    distribution(root / "plugins/valle-retnet", "somebody-elses")

    def install(*, editable: bool, where: str = "cli") -> Path:
        folder = root / where
        name = "valle-core" if where == "." else "valle" if where == "cli" else Path(where).name
        found = [as_installed(tmp_path / "meta", name, folder.as_uri(), editable=editable)]
        if name != "valle-core":
            found.append(as_installed(tmp_path / "meta", "valle-core", "https://example.org/x.whl", editable=False))
        monkeypatch.setattr(plugins_install, "installed", lambda: iter(found))
        return root

    return install


def as_installed(meta: Path, name: str, url: str, *, editable: bool) -> Installed:
    folder = meta / f"{name}-0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "direct_url.json").write_text(
        json.dumps({"url": url, "dir_info": {"editable": True} if editable else {}})
    )
    return Installed(name=name, version="0.1", folder=folder, announced=())


@pytest.mark.parametrize("where", ["cli", ".", "plugins/valle-kit"])
def test_what_is_ours_comes_from_the_checkout_with_what_it_needs(valle, ran, from_checkout, where):
    plugins = from_checkout(editable=False, where=where) / "plugins"
    assert valle("plugins", "install", "mamba2", "valle-mamba")[0] == 0
    others = [] if where == "plugins/valle-kit" else [str(plugins / "valle-kit"), str(plugins / "valle-language")]
    assert ran == [[*PIP, "install", "--disable-pip-version-check", str(plugins / "valle-mamba"), *others]]


def test_an_editable_checkout_gives_editable_plugins_and_extras_are_kept(valle, ran, from_checkout):
    root = from_checkout(editable=True)
    valle("plugins", "install", "valle-bench[plots]")
    assert ran[0][-2:] == ["--editable", f"{root / 'benchmarks'}[plots]"]


@pytest.mark.parametrize("name", ["retnet", "llama", "valle-llama[fast]"])
def test_what_is_ours_and_in_no_checkout_is_not_asked_of_an_index(valle, ran, from_checkout, name):
    from_checkout(editable=True)  # its valle-retnet is somebody else's, its valle-llama is not there
    code, out, err = valle("plugins", "install", name)
    assert (code, out, ran) == (2, "", [])
    home = "valle-retnet" if name == "retnet" else "valle-llama"
    assert err == (
        f"error: {home} is not published yet, and valle was not installed from a checkout that holds it. In a checkout "
        f"of valle: valle plugins install ./plugins/{home}. From an index of your own: "
        f"valle plugins install '{home}>=0'\n"
    )
    assert valle("plugins", "install", f"{home}>=0")[0] == 0
    assert ran[0][-1] == f"{home}>=0"


def test_once_published_an_index_is_asked_for_the_version_that_valle_has(valle, ran, from_checkout, monkeypatch):
    from_checkout(editable=True)
    monkeypatch.setattr(targets, "PUBLISHED", True)
    assert valle("plugins", "install", "valle-llama[fast]")[0] == 0
    assert re.fullmatch(r"valle-llama\[fast\](==[\d.]+)?", ran[0][-1])
    assert to_install("llama", [as_installed_at("valle", "7.8")]) == [Target("valle-llama==7.8", "valle-llama")]


def as_installed_at(name: str, version: str) -> Installed:
    return Installed(name=name, version=version, folder=Path("nowhere"), announced=())


def test_every_distribution_of_ours_lies_where_its_hint_says():
    root = Path(__file__).parents[2]
    for home in ("valle-core", *KNOWN):
        text = (root / place_of(home) / "pyproject.toml").read_text()
        assert f'\nname = "{home}"\n' in text


def test_folders_and_wheels_are_handed_on_and_what_follows_two_dashes_too(valle, ran, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "acme"\n')
    wheel = tmp_path / "acme-1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    valle("plugins", "install", "--editable", str(tmp_path), "--upgrade", "--", "--no-deps", "--safe")
    valle("plugins", "install", str(wheel))
    start = [*PIP, "install", "--disable-pip-version-check"]
    assert ran == [[*start, "--upgrade", "--no-deps", "--safe", "--editable", str(tmp_path)], [*start, str(wheel)]]


def test_the_name_of_an_installed_plugin_means_its_distribution(valle, ran, install):
    install("acme-caps", {"valle.sampler": {"softcap": "acme_caps:SPEC"}}, acme_caps=SPEC)
    valle("plugins", "install", "-U", "softcap")
    assert ran[0][-2:] == ["--upgrade", "acme-caps"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["./nowhere"], "there is no nowhere. Give a folder"),
        (["~x"], "'~x' names no plugin"),
        (["--index", "x", "mamba"], "there is no option --index. See --help"),
        ([], "missing NAMES. See: valle plugins install --help"),
    ],
)
def test_what_cannot_be_installed_is_one_line_and_nothing_runs(valle, ran, words, message):
    code, out, err = valle("plugins", "install", *words)
    assert (code, out, ran) == (2, "", [])
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["somebodys"], ["somebodys>=0"], ["mamba>=0", "somebodys:plugin"]])
def test_a_name_that_valle_does_not_know_is_not_installed_unasked(valle, ran, monkeypatch, words):
    monkeypatch.setattr("sys.stdin", None)
    code, out, err = valle("plugins", "install", *words)
    assert (code, out, ran) == (2, "", [])
    assert err.splitlines()[-1] == (
        "error: valle knows no plugin 'somebodys', and this is not a terminal, so nobody can be asked. "
        "Add --yes to go on, or --dry-run to see it"
    )
    assert valle("plugins", "install", *words, "--yes")[0] == 0
    assert len(ran) == 1


def test_what_is_known_installed_or_an_address_needs_no_yes(valle, ran, monkeypatch, install, tmp_path):
    monkeypatch.setattr("sys.stdin", None)
    install("acme", {"valle.sampler": {"softcap": "acme_gone:SPEC"}})
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n')
    for word in ("softcap", "acme>=2", "mamba>=0", "git+https://example.org/x.git", str(tmp_path)):
        assert valle("plugins", "install", word)[0] == 0
    assert len(ran) == 5


def test_uv_is_used_where_pip_is_absent(valle, ran, monkeypatch, tmp_path, install):
    install("acme", {"valle.sampler": {"softcap": "acme_gone:SPEC"}})
    without_pip(monkeypatch, tmp_path, uv=True)
    valle("plugins", "install", "somebodys", "--yes")
    assert ran.pop() == [str(tmp_path / "uv"), "pip", "install", "--python", sys.executable, "somebodys"]
    valle("plugins", "uninstall", "softcap", "--yes")
    assert ran.pop() == [str(tmp_path / "uv"), "pip", "uninstall", "--python", sys.executable, "acme"]


def test_neither_pip_nor_uv_is_one_line(valle, ran, monkeypatch, tmp_path):
    without_pip(monkeypatch, tmp_path, uv=False)
    code, out, err = valle("plugins", "install", "mamba")
    assert (code, out, ran) == (2, "", [])
    assert err.startswith("error: neither pip nor uv is there to change this installation")
    assert err.count("\n") == 1


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_dry_run_shows_the_command_and_runs_nothing(valle, ran, install, action):
    install("acme", {"valle.sampler": {"softcap": "acme_gone:SPEC"}})
    code, out, _ = valle("plugins", action, "softcap", "--dry-run")
    assert (code, ran) == (0, [])
    assert f"-m pip {action} --disable-pip-version-check" in out.splitlines()[-1]
    assert out.splitlines()[-1].endswith(" acme")


def test_a_broken_and_a_disabled_plugin_can_be_removed_and_nothing_of_it_is_imported(
    valle, ran, install, monkeypatch, tmp_path
):
    trace = tmp_path / "imported"
    install("acme", {"valle.sampler": {"softcap": "acme_trace:SPEC"}}, acme_trace=f"open({str(trace)!r}, 'w')")
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", "softcap")
    monkeypatch.setattr("valle_cli.commands.plugins_uninstall.installed", Once())
    code, _, err = valle("--safe", "plugins", "uninstall", "acme:softcap", "--yes")
    assert code == 0
    assert err.startswith("acme 1.0 goes, and with it sampler 'softcap'\n$ ")
    assert ran == [[*PIP, "uninstall", "--disable-pip-version-check", "--yes", "acme"]]
    assert not trace.exists()


class Once:
    """What is installed, the first time; nothing of it afterwards, as after a real uninstall."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self):
        from valle_cli.installed import installed

        before, self.asked = self.asked, True
        return iter(()) if before else installed()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("valle-core", "valle-core is valle itself"),
        ("valle", "valle is valle itself"),
        ("Valle_Core", "valle-core is valle itself"),
        ("numpy", "numpy 2"),
        ("harp", "valle-harp is not installed, so there is nothing to remove"),
        ("gredy", "no installed plugin or distribution is called 'gredy'. Did you mean 'greedy'?"),
        ("softcap", "'softcap' is provided by acme-one and acme-two. Choose one: valle plugins uninstall acme-one"),
    ],
)
def test_what_may_not_or_cannot_go_is_one_line(valle, ran, install, monkeypatch, name, message):
    monkeypatch.setitem(KNOWN, "valle-harp", {"attention": ("harp",)})
    for owner in ("acme-one", "acme-two"):
        install(owner, {"valle.sampler": {"softcap": "acme_gone:SPEC"}})
    code, out, err = valle("plugins", "uninstall", name, "--yes")
    assert (code, out, ran) == (2, "", [])
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_where_nobody_can_be_asked_removing_needs_yes(valle, ran, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    code, _, err = valle("plugins", "uninstall", "greedy")
    assert (code, ran) == (2, [])
    assert "uninstalling needs a confirmation, and this is not a terminal, so nobody can be asked. Add --yes" in err


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_at_a_terminal_a_no_changes_nothing(valle, ran, monkeypatch, action):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", lambda: "n")
    code, out, err = valle("plugins", action, "greedy")
    assert (code, out, ran) == (1, "", [])
    assert err.endswith("Go on? [y/N] nothing was changed\n")


def test_a_failing_installer_is_one_line_with_its_code(valle, monkeypatch):
    failed = subprocess.CompletedProcess([], 7)
    monkeypatch.setattr(installer.subprocess, "run", lambda command, **settings: failed)
    code, _, err = valle("plugins", "install", "mamba")
    assert code == 2
    assert err.endswith("ended with exit code 7; what it says is above\n")


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-softcap"
version = "0.3"
[project.entry-points."valle.sampler"]
softcap = "acme_softcap:SPEC"
[tool.hatch.build.targets.wheel]
packages = ["acme_softcap"]
"""


@pytest.mark.slow
def test_the_real_pip_installs_a_folder_and_removes_it_though_it_is_broken(tmp_path):
    python = scratch_python(tmp_path / "scratch")
    source = tmp_path / "source"
    (source / "acme_softcap").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "acme_softcap" / "__init__.py").write_text(SPEC)
    valle = [str(python), "-m", "valle_cli", "plugins"]
    offline = ["--", "--no-deps", "--no-build-isolation", "--no-index"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*valle, *words], capture_output=True, text=True, cwd=tmp_path, stdin=subprocess.DEVNULL)

    done = run("install", str(source), *offline)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[:5] == ["sampler", "softcap", "0.3", "acme-softcap", "ok"]
    (info,) = (tmp_path / "scratch").rglob("acme_softcap-0.3.dist-info")
    (info.parent / "acme_softcap" / "__init__.py").write_text("raise RuntimeError('broken')")
    listed = subprocess.run([*valle[:-1], "list-plugins", "--json"], capture_output=True, text=True, check=True)
    assert {row["name"]: row["status"] for row in json.loads(listed.stdout)}["softcap"] == "broken"
    done = run("uninstall", "softcap", "--yes")
    assert done.returncode == 0, done.stderr
    assert not info.exists()
    assert run("uninstall", "softcap", "--yes").returncode == 2
    done = run("install", "--editable", str(source), *offline)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[1:5] == ["softcap", "0.3", "acme-softcap", "ok"]


def scratch_python(folder: Path) -> Path:
    """A new environment with its own pip that sees what this one has, by a path file."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    found = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    here = [
        path for path in sys.path if path.endswith(("site-packages", "/src")) or (Path(path) / "valle_core").is_dir()
    ]
    assert sysconfig.get_path("purelib") in here
    (Path(found.stdout.strip()) / "host.pth").write_text("\n".join(here) + "\n")
    return python


@pytest.mark.parametrize(("word", "meant"), [("lamma", "llama"), ("vale-mamba", "valle-mamba"), ("mixtrl", "mixtral")])
def test_a_slip_of_the_pen_installs_nobodys_package(valle, ran, word, meant):
    code, _, err = valle("plugins", "install", word, "--yes")
    assert (code, ran) == (2, [])
    assert err.startswith(f"error: no plugin is called '{word}'. Did you mean '{meant}'?")
