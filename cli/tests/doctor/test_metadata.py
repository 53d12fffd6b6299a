"""What the doctor finds in metadata folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from valle_cli.doctor.metadata import metadata_findings
from valle_cli.installed import installed

PYPROJECT = """
[project]
name = "acme"
version = "1.0"
[project.entry-points."valle.arch"]
mine = "json:SPEC"
"""


def put(site: Path, name: str = "acme", version: str = "1.0", entries: str = "mine = json:SPEC") -> Path:
    """A metadata folder that announces a plugin in a module that is there."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n\n")
    (info / "entry_points.txt").write_text(f"[valle.arch]\n{entries}\n")
    (info / "RECORD").write_text("")
    return info


def make_editable(info: Path, source: Path, pyproject: str | None = PYPROJECT) -> None:
    if pyproject is not None:
        source.mkdir()
        (source / "pyproject.toml").write_text(pyproject)
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))


def found(*sites: Path) -> list[tuple[str, str]]:
    return [(one.severity, one.line()) for one in metadata_findings(list(installed([str(site) for site in sites])))]


def test_a_good_distribution_gives_no_finding(tmp_path):
    make_editable(put(tmp_path / "site"), tmp_path / "source")
    assert found(tmp_path / "site") == []


def test_two_folders_of_one_distribution_are_a_problem(tmp_path):
    put(tmp_path, version="1.0")
    put(tmp_path, version="1.1")
    ((severity, line),) = found(tmp_path)
    assert severity == "problem"
    assert "acme: is there twice: acme-1.0.dist-info and acme-1.1.dist-info" in line
    assert "valle plugins uninstall acme until it is gone" in line


def test_a_second_copy_further_down_the_path_is_a_warning(tmp_path):
    put(tmp_path / "a")
    put(tmp_path / "b")
    ((severity, line),) = found(tmp_path / "a", tmp_path / "b")
    assert severity == "warning"
    assert f"what is in {tmp_path / 'a'} counts, what is in {tmp_path / 'b'} does not" in line


def test_distributions_without_plugins_are_not_our_business(tmp_path):
    for version in ("1.0", "1.1"):
        (put(tmp_path, version=version) / "entry_points.txt").unlink()
    assert found(tmp_path) == []


def test_metadata_whose_modules_are_gone_is_told_with_the_mend(tmp_path):
    info = put(tmp_path, entries="mine = acme_gone.plugin:SPEC")
    assert found(tmp_path) == [
        (
            "problem",
            "acme 1.0: none of its modules is there: acme_gone.plugin cannot be found -> valle plugins uninstall acme",
        )
    ]
    (info / "RECORD").unlink()
    assert found(tmp_path)[0][1].endswith(f"-> delete {info}")


def test_one_module_that_is_gone_among_others_is_named(tmp_path):
    put(tmp_path, entries="mine = json:SPEC\nother = acme_gone:SPEC")
    assert "not all of its modules are there: acme_gone cannot be found" in found(tmp_path)[0][1]


@pytest.mark.parametrize(
    ("installed_entries", "message"),
    [
        ("mine = json:OLD", "it does not have yet arch 'mine' = json:SPEC"),
        ("mine = json:SPEC\nolder = json:SPEC", "it still has arch 'older' = json:SPEC"),
    ],
)
def test_entry_points_that_differ_from_the_source_are_stale(tmp_path, installed_entries, message):
    make_editable(put(tmp_path / "site", entries=installed_entries), tmp_path / "source")
    severity, line = found(tmp_path / "site")[0]
    assert severity == "problem"
    assert message in line
    assert line.endswith(f"-> pip install -e {tmp_path / 'source'}")


def test_a_first_entry_point_that_was_never_installed_is_noticed(tmp_path):
    info = put(tmp_path / "site")
    (info / "entry_points.txt").unlink()
    make_editable(info, tmp_path / "source")
    assert "does not have yet arch 'mine'" in found(tmp_path / "site")[0][1]


def test_another_version_in_the_source_is_a_warning(tmp_path):
    make_editable(put(tmp_path / "site"), tmp_path / "source", PYPROJECT.replace('"1.0"', '"1.1"'))
    ((severity, line),) = found(tmp_path / "site")
    assert (severity, "its source says version 1.1" in line) == ("warning", True)


def test_a_source_that_is_gone_or_cannot_be_read_is_told(tmp_path):
    make_editable(put(tmp_path / "site"), tmp_path / "nowhere", pyproject=None)
    assert "which is gone" in found(tmp_path / "site")[0][1]
    make_editable(put(tmp_path / "other"), tmp_path / "source", "no toml [")
    ((severity, line),) = found(tmp_path / "other")
    assert (severity, "cannot be read" in line) == ("warning", True)


def test_entry_points_that_torch_cannot_decode_are_a_problem_of_whoever_has_them(tmp_path):
    info = put(tmp_path)
    (info / "entry_points.txt").write_bytes("[other]\na = b:\xfc\n".encode("latin-1"))
    ((severity, line),) = found(tmp_path)
    assert (severity, "is not UTF-8, which keeps torch from being imported" in line) == ("problem", True)
