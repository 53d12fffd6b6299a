"""The lower bounds of the pyproject.toml files as constraints: each library has one, and that one is tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from lowest_versions import constraints


@pytest.fixture
def tree(tmp_path):
    def write(**dependencies: str) -> Path:
        (tmp_path / "requirements.txt").write_text("-e .[fast]\n-e plugins/b\n", encoding="utf-8")
        for folder, name in ((".", "a"), ("plugins/b", "b")):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            text = f'[project]\nname = "{name}"\n{dependencies.get(name, "")}\n'
            (tmp_path / folder / "pyproject.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_every_bound_of_what_is_set_up_is_tried():
    lines = constraints().splitlines()
    assert "numpy==2.0" in lines
    assert [line for line in lines if line.startswith("valle")] == []
    assert not any(line.startswith("#") and "torch>=" in line for line in lines)


def test_bounds_become_constraints_with_their_markers(tree):
    fast = "[project.optional-dependencies]\nfast = [\"triton>=3.4; sys_platform == 'linux'\"]\nslow = ['numba>=0.68']"
    folder = tree(a=f"dependencies = ['numpy>=2.0', 'exact==1.1', 'b>=0.1', 'hub[x]>=1']\n{fast}")
    tried, note = constraints(folder).split("\n# ")
    assert tried.splitlines() == ["exact==1.1", "hub==1", "numpy==2.0", "triton==3.4; sys_platform == 'linux'"]
    assert note == "not tried: numba>=0.68 of a[slow]\n"


def test_two_bounds_of_one_library_are_refused(tree):
    folder = tree(a="dependencies = ['Hub_x>=1.0']", b="dependencies = ['hub-x>=1.31']")
    with pytest.raises(SystemExit, match=r"one library, two lowest versions: Hub_x==1.0 in a, hub-x==1.31 in b"):
        constraints(folder)


@pytest.mark.parametrize("requirement", ["numpy", "numpy<3", "numpy>=2,<3", "numpy~=2.0"])
def test_a_requirement_that_says_no_lowest_version_is_named(tree, requirement):
    with pytest.raises(SystemExit, match=rf"b: '{requirement}' must have a lower bound and no other"):
        constraints(tree(b=f"dependencies = ['{requirement}']"))
