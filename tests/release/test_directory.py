"""The list of plugins of others is a table that a program can read, in the form that the page asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.version import InvalidVersion, Version

from valle_cli.known import KNOWN
from valle_core.registry.scan import normalise
from valle_testing.kinds import every_kind

PAGE = (Path(__file__).parents[2] / "docs" / "plugins" / "directory.md").read_text(encoding="utf-8")
HEAD = "| plugins | distribution | what it is | licence | source | checked with |"
PLUGIN = re.compile(r"(?P<kind>[a-z-]+) `(?P<name>[A-Za-z0-9][A-Za-z0-9 ._-]*)`")


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the list."""
    lines = page[page.index(HEAD) :].splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table]


def complaints(row: list[str], kinds: set[str]) -> list[str]:
    """What is wrong with a row."""
    if len(row) != 6:
        return [f"a row has 6 cells, got {len(row)}: {row}"]
    plugins, distribution, what, licence, source, checked = row
    found = []
    for one in plugins.split(", "):
        match = PLUGIN.fullmatch(one)
        if match is None or match["kind"] not in kinds:
            found.append(f"'{one}' is not a kind and a name between backticks")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", distribution) or normalise(distribution) in KNOWN:
        found.append(f"'{distribution}' is not the name of a distribution of others")
    if not what:
        found.append(f"'{distribution}' does not say what it is")
    if not re.fullmatch(r"[A-Za-z0-9.+() -]+(; weights [A-Za-z0-9.+() -]+)?", licence):
        found.append(f"'{licence}' is not an SPDX expression, with that of weights after a semicolon")
    if not re.fullmatch(r"https://[\w.-]+/\S+", source):
        found.append(f"'{source}' is not an https address")
    try:
        Version(checked)
    except InvalidVersion:
        found.append(f"'{checked}' is not a version of valle")
    return found


def kinds() -> set[str]:
    return {kind.name for kind in every_kind()}


def test_every_row_has_the_form_that_the_page_asks_for():
    found = [line for row in rows(PAGE) for line in complaints(row, kinds())]
    assert not found, "\n".join(found)


def test_rows_stand_in_order_and_once():
    names = [normalise(row[1]) for row in rows(PAGE)]
    assert names == sorted(set(names))


def test_the_page_says_that_it_is_empty_while_it_is():
    assert ("None is listed yet." in PAGE) == (rows(PAGE) == [])


def test_the_row_that_the_page_shows_has_its_form():
    shown = re.search(r"^```text\n(\| .*)\n```$", PAGE, re.M)
    (row,) = rows(f"{HEAD}\n|---|---|---|---|---|---|\n{shown[1]}\n\n")
    assert complaints(row, kinds()) == []


@pytest.mark.parametrize(
    ("column", "text", "complaint"),
    [
        (0, "samplers `acme-eta`", "is not a kind and a name"),
        (0, "sampler acme-eta", "is not a kind and a name"),
        (1, "valle-llama", "is not the name of a distribution of others"),
        (1, "acme valle", "is not the name of a distribution of others"),
        (2, "", "does not say what it is"),
        (3, "MIT, weights ?", "is not an SPDX expression"),
        (4, "http://example.org/acme", "is not an https address"),
        (5, "latest", "is not a version of valle"),
    ],
)
def test_a_row_of_another_form_is_noticed(column, text, complaint):
    row = ["sampler `acme-eta`", "acme-valle", "eta sampling", "MIT", "https://example.org/acme-valle", "0.1.0"]
    assert complaints(row, kinds()) == []
    row[column] = text
    assert any(complaint in line for line in complaints(row, kinds()))


def test_a_row_that_lacks_a_cell_is_noticed():
    assert complaints(["sampler `a`", "acme"], kinds()) == ["a row has 6 cells, got 2: ['sampler `a`', 'acme']"]
