"""Workflows and forms pass linters that need no network; no job has a right that it does not need."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main
from click.testing import CliRunner, Result

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}
"""JSON schemas that the package check-jsonschema carries → what they describe."""


def lint(schema: str, paths: list[Path]) -> Result:
    return CliRunner().invoke(main, ["--builtin-schema", schema, *map(str, paths)])


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--config", GITHUB / "zizmor.yml"]
    return subprocess.run([*map(str, command), str(path)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_are_of_the_form_that_their_reader_wants(schema):
    assert SCHEMAS[schema]
    done = lint(schema, SCHEMAS[schema])
    assert done.exit_code == 0, done.output


def test_a_misspelt_key_is_noticed(tmp_path):
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    (tmp_path / "wrong.yml").write_text(text.replace("runs-on:", "run-on:"), encoding="utf-8")
    assert lint("vendor.github-workflows", [tmp_path / "wrong.yml"]).exit_code == 1


def test_workflows_hold_to_the_rules_of_security():
    done = zizmor(GITHUB)
    assert done.returncode == 0, done.stdout
    assert "ci.yml" in done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r" *with:\n *persist-credentials: false\n", ""),
        (r"actions/checkout@\w+ # v[\d.]+", "actions/checkout@main"),
        (r'\$GITHUB_REF_NAME"', r'${{ github.ref_name }}"'),
    ],
)
def test_each_rule_is_noticed_where_it_is_broken(tmp_path, right, wrong):
    text = (GITHUB / "workflows" / "release.yml").read_text(encoding="utf-8")
    changed = re.sub(right, wrong, text, count=1)
    assert changed != text
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    path = tmp_path / ".github" / "workflows" / "release.yml"
    path.write_text(changed, encoding="utf-8")
    assert zizmor(path).returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_has_the_rights_it_needs_and_an_end(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        wanted = {"id-token": "write"} if name == "publish" else {"contents": "read"}
        assert job["permissions"] == wanted, name
        assert "uses" in job or job["timeout-minutes"] <= 360, name
