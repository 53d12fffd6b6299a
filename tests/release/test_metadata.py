"""Every distribution says the same of itself, with one version, and the copy that says it is written by a script."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from trove_classifiers import classifiers as there_are

from release.metadata import (
    complaints,
    copy,
    expected,
    folders,
    main,
    pinned,
    project_of,
    requirements,
    supported,
    written,
)

ROOT = Path(__file__).parents[2]
CORE = project_of(ROOT)
CORE_PAGE = "valle_core/README.md"
"""README.md of the repository shows pictures and sounds that lie beside it."""
EVERY = {project_of(folder)["name"]: folder for folder in folders()}


@pytest.mark.parametrize("name", EVERY)
def test_a_distribution_says_what_all_say(name):
    project = project_of(EVERY[name])
    says = expected(EVERY[name], CORE)
    assert {key: project.get(key) for key in says} == says, "make metadata"
    text = (EVERY[name] / "pyproject.toml").read_text(encoding="utf-8")
    assert pinned(written(text, says), EVERY, CORE["version"]) == text, "make metadata"


@pytest.mark.parametrize("name", EVERY)
def test_the_licence_lies_in_the_folder_of_every_distribution(name):
    assert (EVERY[name] / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes(), "make metadata"


@pytest.mark.parametrize("name", EVERY)
def test_a_wheel_has_types(name):
    table = tomllib.loads((EVERY[name] / "pyproject.toml").read_text(encoding="utf-8"))
    for package in table["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert (EVERY[name] / package / "py.typed").is_file()


@pytest.mark.parametrize("name", EVERY)
def test_what_an_index_shows_links_to_where_it_leads(name):
    text = (EVERY[name] / CORE_PAGE if name == "valle-core" else EVERY[name] / "README.md").read_text(encoding="utf-8")
    assert project_of(EVERY[name])["readme"] == (CORE_PAGE if name == "valle-core" else "README.md")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert re.match(r"https?://", target), f"{target}: an index shows this page without the files beside it"


def test_addresses_of_files_of_ours_lead_to_files():
    pages = [*ROOT.glob("*.*"), *ROOT.glob(".github/**/*.*"), *(ROOT / "docs").rglob("*.md"), ROOT / CORE_PAGE]
    pages += [folder / name for folder in folders() for name in ("README.md", "pyproject.toml")]
    address = re.compile(rf"{re.escape(CORE['urls']['Repository'])}/(?:blob|tree)/main/([^)#\"'\s>]+)")
    found = {(path, place) for path in pages if path.is_file() for place in address.findall(path.read_text("utf-8"))}
    assert len(found) > 20
    assert [f"{path.name}: {place}" for path, place in sorted(found) if not (ROOT / place).exists()] == []


def test_the_classifiers_exist_and_name_the_versions_of_python_that_are_allowed():
    assert set(CORE["classifiers"]) <= there_are
    named = {one.rpartition(" ")[2] for one in supported(CORE)}
    allowed = SpecifierSet(CORE["requires-python"])
    assert named == {f"3.{minor}" for minor in range(40) if f"3.{minor}.9" in allowed}


def test_the_citation_has_the_version_and_the_address():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(CORE['version'])}$", text, re.M), "make metadata"
    assert f"repository-code: {CORE['urls']['Repository']}\n" in text


@pytest.fixture
def tree(tmp_path) -> Path:
    """A checkout of four distributions."""
    for place in (".", "cli", "benchmarks", "plugins/valle-voice"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        for name in ("pyproject.toml", "NOTICE"):
            if (ROOT / place / name).is_file():
                shutil.copyfile(ROOT / place / name, tmp_path / place / name)
    for name in ("LICENSE", "CITATION.cff", "CHANGELOG.md"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_one_command_raises_every_version(tree):
    before = {folder: project_of(folder) for folder in folders(tree)}
    ours = {project["name"] for project in before.values()}
    assert tree / "CITATION.cff" in copy(tree, "7.8.9")
    assert copy(tree) == [], "a second time there is nothing to do"
    for folder, project in before.items():
        after = project_of(folder)
        assert after["version"] == "7.8.9"
        assert after.keys() == project.keys()
        assert (folder / "LICENSE").is_file()
        olds, news = (list(map(Requirement, requirements(one))) for one in (project, after))
        for old, new in zip(olds, news, strict=True):
            assert (new.name, new.extras, new.marker) == (old.name, old.extras, old.marker)
            assert new.specifier == (SpecifierSet("==7.8.9") if old.name in ours else old.specifier)
    assert "\nversion: 7.8.9\n" in (tree / "CITATION.cff").read_text(encoding="utf-8")


def test_the_rest_of_a_pyproject_stays_as_it_is():
    text = (ROOT / "plugins" / "valle-eval" / "pyproject.toml").read_text(encoding="utf-8")
    values = expected(ROOT / "plugins" / "valle-eval", CORE)
    other = written(text, values | {"keywords": ["one"], "urls": {"Homepage": "https://example.org"}})
    assert written(other, values) == text
    assert "# What a judge needs beside its own package." in other


def test_a_release_needs_its_tag_and_its_section_of_the_changelog(tree):
    version = CORE["version"]
    log = tree / "CHANGELOG.md"
    log.write_text(f"# Changelog\n\n## [{version}] - 2026-12-24\n", encoding="utf-8")
    file = tree / "cli/src/valle_cli/checkout.py"
    file.parent.mkdir(parents=True)
    file.write_text("\nPUBLISHED = False\n", encoding="utf-8")
    (complaint,) = complaints(f"v{version}", tree)
    assert complaint.startswith("cli/src/valle_cli/checkout.py must say PUBLISHED = True")
    file.write_text("\nPUBLISHED = True\n", encoding="utf-8")
    assert complaints(f"v{version}", tree) == []
    assert complaints("v7.8.9", tree) == [f"the tag must be v{version}, got v7.8.9"]
    log.write_text("# Changelog\n\n## [Unreleased]\n", encoding="utf-8")
    assert complaints(f"v{version}", tree) == [f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'"]


def test_a_version_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version", "next"])
    assert stop.value.code == 2
    assert "--version must be like 0.2.0 or 0.2.0rc1, got 'next'" in capsys.readouterr().err
