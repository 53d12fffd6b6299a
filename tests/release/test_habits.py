"""What a project of others is expected to have is there, and says what is true of this one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from release.metadata import minors, project_of

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md", "LICENSE", "CITATION.cff")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile."""
    body = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.M)
    return [line.strip().lstrip("@").replace("$(BIN)", ".venv/bin") for line in body[1].splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_are_there(page):
    assert (ROOT / page).stat().st_size > 500


def test_before_a_commit_runs_what_make_check_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"] for hook in hooks] == recipe("check")
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in hooks)


def test_the_workflows_try_every_python_that_is_allowed():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    tried = workflow["jobs"]["fast"]["strategy"]["matrix"]["python"]
    assert tried == [f"3.{minor}" for minor in minors(project_of(ROOT))]


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_what_a_workflow_runs_is_there(path):
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        for line in [step["run"] for step in job.get("steps", ()) if "run" in step]:
            program, word, *_ = line.split()
            assert program in ("make", "python"), line
            there = re.search(rf"^{word}:", MAKEFILE, re.M) if program == "make" else (ROOT / word).is_file()
            assert there, f"{path.name} runs `{line}`"


def test_the_changelog_is_one_that_programs_read():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.+)$", text, re.M)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", one) for one in versions[1:]), versions
    for section in text.split("\n## ")[1:]:
        headings = re.findall(r"^### (.+)$", section, re.M)
        assert headings == [one for one in CHANGES if one in headings], headings


def test_security_says_what_robustness_tests():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "(docs/robustness.md)" in text
    for promise in ("nothing is unpickled", "no code lies in a checkpoint", "weights_only=True"):
        assert promise in text


def undefined(makefile: str, folder: Path) -> set[str]:
    """Variables that some target reads and nothing defines, by make itself; it runs nothing."""
    copy = folder / "Makefile"
    copy.write_text(makefile, encoding="utf-8")
    targets = [word for line in re.findall(r"^\.PHONY:(.*)$", makefile, re.M) for word in line.split()]
    called = [
        "make",
        "-n",
        "-B",
        "--warn-undefined-variables",
        "-C",
        str(ROOT),
        "-f",
        str(folder / "Makefile"),
        *targets,
    ]
    done = subprocess.run(called, capture_output=True, text=True, check=True)
    return set(re.findall(r"undefined variable '(\w+)'", done.stderr))


@pytest.mark.skipif(not shutil.which("make"), reason="needs GNU make")
def test_the_makefile_reads_only_variables_that_it_defines_or_documents(tmp_path):
    """Those of a user, whose names stand in a comment: VARIABLE=."""
    documented = set(re.findall(r"\b([A-Z_]+)=", "\n".join(re.findall(r"^#.*$", MAKEFILE, re.M)))) | {"TABLE"}
    assert undefined(MAKEFILE, tmp_path) <= documented
    assert "PIP" in undefined(MAKEFILE.replace("$(call pip,constraints.txt)", "$(PIP)"), tmp_path) - documented
