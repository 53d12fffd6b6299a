"""`valle new-plugin`: what it makes, what it is called, and what is refused."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from valle_cli.main import run
from valle_testing.kinds import every_kind, kind_of
from valle_testing.new_plugin.names import names_of
from valle_testing.new_plugin.package import TEMPLATES, kinds_with_templates, template_of

ROOT = Path(__file__).parents[2]
KINDS = [row.name for row in every_kind() if row.template]
OPEN = {"plugin", "types", "interfaces", "reading", "codes", "sequence"}
WINGS = {"valle_core", "valle_kit", "valle_language"}


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, Path]:
    """A package of each kind."""
    into = tmp_path_factory.mktemp("packages")
    assert [run(["new-plugin", kind, f"my-{kind}", "--into", str(into)]) for kind in KINDS] == [0] * len(KINDS)
    return {kind: into / f"valle-my-{kind}-plugin" for kind in KINDS}


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()
    }


def test_every_kind_with_a_suite_has_a_template_that_is_there():
    assert kinds_with_templates() == sorted(KINDS)
    assert sorted(KINDS) == sorted(row.name for row in every_kind() if row.suite)
    assert all(template_of(row).is_dir() for row in every_kind() if row.template)


def test_a_kind_without_a_template_names_those_with_one(valle, tmp_path):
    code, _, err = valle("new-plugin", "reference", "mine", "--into", str(tmp_path))
    assert code == 2
    assert "kind 'reference' has no template. Kinds with one: alignment, arch, attention" in err


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete_and_named_throughout(packages, kind):
    files = files_of(packages[kind])
    package = f"valle_my_{kind}_plugin"
    assert {".gitignore", "README.md", "pyproject.toml", f"tests/test_my_{kind}.py"} < set(files)
    assert {f"src/{package}/__init__.py", f"src/{package}/plugin.py"} < set(files)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == f"valle-my-{kind}-plugin"
    assert project["entry-points"] == {kind_of(kind).group: {f"my-{kind}": f"{package}.plugin:SPEC"}}
    assert f"api={kind_of(kind).api}," in files[f"src/{package}/plugin.py"]
    for name, text in files.items():
        assert not re.search("acme|<!--", name + text, re.IGNORECASE), f"{name} holds a word of the template"
        assert name == ".gitignore" or text.endswith("\n")
    modules = re.findall(rf"`src/{package}/(\w+\.py)`", files["README.md"])
    assert sorted(modules) == sorted(Path(name).name for name in files if re.match(r"src/.*/(?!__)\w+\.py$", name))


THEIR_OWN = "lint.isort.known-first-party = []"
"""In a plugin of somebody else valle is a library like torch."""


def test_the_code_passes_ruff_with_its_own_settings_and_with_those_of_this_repository(packages, tmp_path):
    """Also where a name comes first or last in every list of imports."""
    for kind in KINDS:
        for name in (f"a-{kind}", f"zulu-{kind}2"):
            assert run(["new-plugin", kind, name, "--into", str(tmp_path)]) == 0
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    settings = ["--config", str(ROOT / "pyproject.toml"), "--config", 'src=["*/src"]', "--config", THEIR_OWN]
    for folder in (packages["arch"].parent, tmp_path):
        for how in ([], settings):
            for command in (["check"], ["format", "--check"]):
                called = [*ruff, *command, "--no-cache", *how, "."]
                done = subprocess.run(called, cwd=folder, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_imports_what_is_open_and_depends_on_it(packages, kind):
    allowed = OPEN | ({"api"} if kind in ("command", "hook") else set())
    project = tomllib.loads((packages[kind] / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.match(r"[\w-]+", line)[0].replace("-", "_") for line in project["dependencies"]}
    for path in (packages[kind] / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            theirs = [name for name in names if not name.startswith(f"valle_my_{kind}_plugin.")]
            for parts in (name.split(".") for name in theirs if name.startswith("valle_")):
                assert parts[0] in WINGS & needed, f"{path.name}: {parts[0]} is not among {needed}"
                assert parts[0] != "valle_core" or parts[1] in allowed, f"{path.name}: {'.'.join(parts)}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_before_anything_runs_imports_no_torch(packages, kind):
    """The spec, and the module its options are in."""
    folder = packages[kind] / "src"
    spec = (folder / f"valle_my_{kind}_plugin" / "plugin.py").read_text("utf-8")
    modules = [f"valle_my_{kind}_plugin.plugin", *re.findall(r'options="([\w.]+):', spec)]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(folder)}, check=False)
    assert done.returncode == 0


def test_it_says_what_to_do_next(valle, tmp_path):
    code, out, err = valle("new-plugin", "arch", "my-arch", "--into", str(tmp_path / "a b"))
    folder = tmp_path / "a b" / "valle-my-arch-plugin"
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"wrote {folder}: arch 'my-arch', {len(files_of(folder))} files. Next:"
    steps = [line.partition("#")[0].strip() for line in out.splitlines()[1:]]
    assert steps == [
        f"pip install -e '{folder}'",
        "valle list-plugins --kind arch",
        "valle plugins check my-arch",
        f"python -m pytest '{folder}'",
    ]


def test_json_holds_what_a_script_needs(valle, tmp_path):
    where = ["--into", str(tmp_path), "--distribution", "Acme.Cmd"]
    _, out, _ = valle("new-plugin", "command", "my_cmd", *where, "--json")
    facts = json.loads(out)
    folder = tmp_path / "Acme.Cmd"
    assert facts["folder"] == str(folder)
    assert (facts["distribution"], facts["package"], facts["name"]) == ("Acme.Cmd", "acme_cmd", "my_cmd")
    assert facts["files"] == sorted(files_of(folder))
    assert "valle my_cmd --help" in facts["next"]


def test_the_default_place_is_the_present_folder(valle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert valle("new-plugin", "task", "my_task")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["valle-my-task-plugin"]


def test_a_name_that_is_a_word_of_the_templates_stays_as_it_is(valle, tmp_path):
    assert valle("new-plugin", "hook", "acme-kind", "--into", str(tmp_path), "--distribution", "acme-name")[0] == 0
    spec = (tmp_path / "acme-name" / "src" / "acme_name" / "plugin.py").read_text("utf-8")
    assert 'name="acme-kind"' in spec
    assert 'plugin="acme_name.hooks:HOOKS"' in spec


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("samplr x", "there is no kind 'samplr'. Did you mean 'sampler'? Kinds: arch, "),
        ("arch My-Arch", "'My-Arch' cannot be the name of a plugin: it needs lower-case letters and digits, "),
        ("arch My-Arch", "characters at most. Try: my-arch"),
        ("arch 3d", "Try: d"),
        ("arch a--b", "Try: a-b"),
        ("arch ../up", "Try: up"),
        ("arch ü", "characters at most.\n"),
        (f"arch {'x' * 41}", "40 characters at most."),
        ("arch llama", "arch 'llama' is the name of a first-party plugin (valle-llama). Choose another, e.g. my-llama"),
        ("arch retnet", "arch 'retnet' is the name of a first-party plugin (valle-retnet)"),
        ("arch theirs", "arch 'theirs' is installed already (by acme). Choose another, e.g. my-theirs"),
        ("command train", "command 'train' is the name of a first-party plugin (valle). Choose another, e.g. my-train"),
        ("command bench", "'valle bench' begins other commands. Choose another, e.g. my-bench"),
        ("arch x --distribution a/b", "'a/b' cannot be the name of a distribution: "),
        ("arch x --distribution class", "makes a package 'class', which is Python's own name. Try: --distribution va"),
        ("arch x --distribution json", "makes a package 'json', which is Python's own name"),
        ("arch x --distribution Acme", "the distribution 'Acme' is installed already. Choose another with --di"),
        ("arch x --distribution valle_retnet", "the distribution 'valle_retnet' is "),
        ("arch x --distribution _pytest", "'_pytest' cannot be the name of a distribution"),
        ("arch x --distribution acme-mod", "a package 'acme_mod' can be imported already"),
        ("arch", "missing NAME. See: valle new-plugin --help"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_code_2_and_leaves_nothing(valle, install, tmp_path, argv, message):
    install("acme", {"valle.arch": {"theirs": "acme_mod:SPEC"}}, acme_mod="")
    into = tmp_path / "into"
    into.mkdir()
    code, out, err = valle("new-plugin", *argv.split(), "--into", str(into))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(into.iterdir()) == []


def test_hooks_may_share_a_name(valle, install, tmp_path):
    install("acme", {"valle.hooks": {"theirs": "acme_mod:SPEC"}}, acme_mod="")
    assert valle("new-plugin", "hook", "theirs", "--into", str(tmp_path / "into"))[0] == 0


def test_a_folder_that_is_there_is_left_as_it_is(valle, tmp_path):
    folder = tmp_path / "valle-mine-plugin"
    folder.mkdir()
    code, _, err = valle("new-plugin", "arch", "mine", "--into", str(tmp_path))
    assert (code, err) == (
        2,
        f"error: '{folder}' exists already. Choose another folder with --into, or another NAME\n",
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("moment", ["write_text", "rename"])
def test_a_package_is_there_whole_or_not_at_all(valle, tmp_path, monkeypatch, moment):
    written = []

    def full(path, *_, **__):
        written.append(path)
        if moment == "rename" or len(written) > 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "rename") if moment == "rename" else (Path, "write_text")), full)
    code, _, err = valle("new-plugin", "codec", "mine", "--into", str(tmp_path))
    assert code == 2
    assert err == (
        f"error: cannot write '{tmp_path / 'valle-mine-plugin'}': No space left on device. "
        "Choose another folder with --into\n"
    )
    assert written
    assert list(tmp_path.iterdir()) == []


def test_templates_that_an_installer_compiled_are_not_copied_twice(valle, tmp_path, monkeypatch):
    compiled = tmp_path / "templates" / "task" / "src" / "__pycache__"
    for name in ("shared", "task"):
        for path, text in files_of(TEMPLATES / name).items():
            target = tmp_path / "templates" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    compiled.mkdir()
    (compiled / "x.cpython-311.pyc").write_bytes(b"\xff\x00")
    monkeypatch.setattr("valle_testing.new_plugin.package.TEMPLATES", tmp_path / "templates")
    monkeypatch.setattr("valle_testing.new_plugin.package.files", lambda package: tmp_path)
    code, out, _ = valle("new-plugin", "task", "mine", "--into", str(tmp_path), "--json")
    assert code == 0
    assert not [name for name in json.loads(out)["files"] if "pycache" in name]


def test_names_follow_from_one_another():
    names = names_of(kind_of("arch"), "deep_res-net2")
    assert (names.distribution, names.package) == ("valle-deep-res-net2-plugin", "valle_deep_res_net2_plugin")
    assert (names.identifier, names.camel) == ("deep_res_net2", "DeepResNet2")
