"""The shape of the source tree: sizes, names, docstrings, what packages re-export and what stands at the root."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "valle_core").rglob("*.py"))
COMMAND_LINE = sorted((ROOT / "cli" / "src").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").glob("*/src/**/*.py"))
BENCH = sorted((ROOT / "benchmarks" / "src").rglob("*.py"))
TESTS = sorted(
    path
    for folder in ("tests", "cli/tests", "benchmarks/tests", *(ROOT / "plugins").glob("*/tests"))
    for path in (ROOT / folder).rglob("*.py")
)
SHIPPED = [*CORE, *COMMAND_LINE, *PLUGINS, *BENCH]
THIRD_PARTY = ROOT / "tests" / "third_party" / "acme-valle" / "src"
"""A distribution of its own, kept among the tests because its makers are not valle's."""

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "lib", "tools", "stuff"}
LONGEST = 400


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_the_tree_is_where_these_tests_look_for_it():
    assert len(CORE) > 80
    assert len(COMMAND_LINE) > 15
    assert len(PLUGINS) > 50
    assert len(TESTS) > 50


def test_no_file_is_longer_than_four_hundred_lines():
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in [*SHIPPED, *TESTS]}
    assert not {name: length for name, length in lengths.items() if length > LONGEST}


def test_the_core_stays_small():
    """What is not needed to say what a codec language model is, to train and to synthesize lives in a wing."""
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in CORE) <= 11_000


def test_every_file_has_a_name_that_says_something():
    assert not [named(path) for path in [*SHIPPED, *TESTS] if path.stem in FORBIDDEN]


def test_every_module_begins_with_one_sentence():
    firsts = {named(path): (ast.get_docstring(parse(path)) or "").split("\n\n")[0].rstrip() for path in SHIPPED}
    wrong = {name: first for name, first in firsts.items() if not first.endswith((".", ":", "?"))}
    assert not wrong
    assert not [name for name, first in firsts.items() if first.count("\n") > 2]


def test_pytest_passes_over_the_templates_of_plugins_and_nothing_else():
    """Its `--ignore-glob`; the tests in them are run as what they become, by cli/tests/test_new_plugin_wheels.py."""
    hidden = [path for path in (*TESTS, *PLUGINS) if "templates" in path.parent.relative_to(ROOT).parts]
    tests = [named(path) for path in hidden if path.name.startswith("test_")]
    of_plugins = re.compile(r"plugins/valle-testing/src/valle_testing/templates/\w+/tests/test_acme_identifier\.py")
    assert len(tests) >= 12
    assert [name for name in tests if not of_plugins.fullmatch(name)] == []


def test_packages_of_the_core_hold_nothing_but_their_docstring():
    for path in (path for path in CORE if path.name == "__init__.py"):
        body = parse(path).body
        assert len(body) == 1, f"{named(path)} does more than describe itself"
        assert isinstance(body[0], ast.Expr)


def test_imports_are_absolute_and_name_what_they_take():
    wrong = [
        f"{named(path)}:{node.lineno}"
        for path in SHIPPED
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names))
    ]
    assert not wrong


def test_nothing_but_the_core_is_importable_from_the_root():
    """Python started in a checkout must not find a test, a benchmark or a build script as a top-level module."""
    importable = {path.stem for path in ROOT.glob("*.py")}
    importable |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert importable == {"valle_core"}
    packages = [path for path in (ROOT / "tests").rglob("__init__.py") if THIRD_PARTY not in path.parents]
    assert not packages, "tests are files, not a package"


SECOND = re.compile(r"_(v\d+|new|old|2|copy)\.py$")


def test_no_file_is_the_second_version_of_another():
    assert not [named(path) for path in SHIPPED if SECOND.search(path.name)]


def test_work_files_of_the_makers_are_not_in_the_tree():
    """No path of a machine and no private index in what is shipped."""
    for path in [*SHIPPED, *TESTS, *ROOT.glob("*.toml"), *ROOT.glob("*.txt"), *ROOT.glob("*.md"), ROOT / "Makefile"]:
        if path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8")
        for word in (*(f"/{name}/" for name in ("work", "root", "home")), "index-url http"):
            assert word not in text, f"{named(path)} names {word}"
