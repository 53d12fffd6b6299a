"""Every command that a hint, an error or a page of ours gives for something missing can be run, and brings it."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement, Requirement

from valle_cli.checkout import is_ours, place_of
from valle_cli.installed import Installed, installed
from valle_cli.known import KNOWN
from valle_cli.targets import to_install
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.registry.scan import normalise

ROOT = Path(__file__).parents[2]
WORD = r"(?:'[^']*'|(?:\{[^}\s]*\}|[\w/\[\]=<>+-]|[.,](?=[\w/]))+)"
COMMAND = re.compile(rf"(?:valle plugins install|pip install)(?: +{WORD})+")
"""As far as a sentence lets it go: a comma or a full stop ends it."""
OURS = {"valle-core", "valle-language", *KNOWN}
CORE_ALONE = {"valle-core"}
"""What is there where the command line is not: a hint that names folders is for those."""


@cache
def there() -> tuple[Installed, ...]:
    return tuple(installed())


@cache
def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def complaints(text: str) -> list[str]:
    """What is wrong with the commands in a text that install something."""
    found = []
    for command in COMMAND.findall(text):
        program, _, rest = command.partition(" install ")
        words = [word for word in shlex.split(rest) if not word.startswith("-")]
        words = [one for word in words for one in expanded(word)]
        if program == "valle plugins":
            found += [line for word in words for line in _by_valle(word)]
        elif any(word.startswith("./plugins/") or word == "./cli" for word in words):
            found += _folders([ROOT / word.partition("[")[0] for word in words])
        elif "--requirement" not in rest and not any("/" in word for word in words):
            found += [line for word in words for line in _by_pip(word)]
    return [f"{line} in: {text.strip()[:120]}" for line in found]


def expanded(word: str) -> list[str]:
    """What a shell makes of braces."""
    match = re.fullmatch(r"(.*)\{([\w,-]+)\}(.*)", word)
    return [f"{match[1]}{one}{match[3]}" for one in match[2].split(",")] if match else [word]


def _by_valle(word: str) -> Iterator[str]:
    if word.startswith(("acme", "./acme")) or not word.islower():
        return  # another's, in an example
    try:
        (target, *_) = to_install(word, there())
    except UserError as error:
        yield str(error)
        return
    if not is_ours(target.distribution):
        yield f"'{word}' is not ours"
        return
    folder, _, extras = target.requirement.rstrip("]").partition("[")
    lacking = set(extras.split(",")) - {"", "acme", *project(Path(folder)).get("optional-dependencies", {})}
    if lacking:
        yield f"{target.distribution} has no extra {sorted(lacking)}"


def _by_pip(word: str) -> Iterator[str]:
    try:
        if normalise(Requirement(word).name) in OURS:
            yield f"'{word}' is not published"
    except InvalidRequirement:
        yield f"'{word}' is not a requirement"


def _folders(folders: list[Path]) -> Iterator[str]:
    """Folders that pip is given must exist, and hold together all of ours that one of them needs."""
    names = {project(folder)["name"] for folder in folders if (folder / "pyproject.toml").is_file()}
    if len(names) < len(folders):
        yield f"not all are folders of ours: {sorted(str(one.relative_to(ROOT)) for one in folders)}"
    for name in names:
        needs = {normalise(Requirement(line).name) for line in project(ROOT / place_of(name)).get("dependencies", ())}
        if lacking := (needs & OURS) - names - CORE_ALONE:
            yield f"{name} needs {sorted(lacking)} too"


def texts(source: str) -> Iterator[str]:
    """The strings of a module, `{}` for what is put in; those that stand next to each other are one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def sources(ending: str) -> list[Path]:
    wings = (ROOT / "valle_core", ROOT / "cli/src", ROOT / "benchmarks/src", *ROOT.glob("plugins/*/src"))
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/README.md")]
    return sorted(pages if ending == ".md" else [path for wing in wings for path in wing.rglob(f"*{ending}")])


def test_the_hint_of_every_spec_can_be_run():
    entries = Registry.open().entries()
    hints = {need.hint for one in entries for need in getattr(one.spec, "requires", ())}
    hints |= {one.hint for one in entries if one.status == "not-installed"}
    assert len(hints) > 5
    assert all(COMMAND.search(hint) for hint in hints), hints
    assert [line for hint in sorted(hints) for line in complaints(hint)] == []


def test_the_hint_of_every_distribution_can_be_run_where_it_is_missing():
    registry = Registry.open()
    assert [line for home in KNOWN for line in complaints(registry.how_to_install(home))] == []


def test_every_other_text_names_commands_that_can_be_run():
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in sources(".py")
        if " install" in (source := path.read_text(encoding="utf-8"))
        for text in texts(source)
        for line in complaints(text.replace("{}", "acme"))
    ]
    assert not found, "\n".join(found)


def test_every_page_names_commands_that_can_be_run():
    found = [
        f"{path.relative_to(ROOT)}: {line}"
        for path in sources(".md")
        if path.name != "CHANGELOG.md"
        for command in COMMAND.findall(path.read_text(encoding="utf-8"))
        if "./acme" not in command
        for line in complaints(command)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pip install valle-llama", "'valle-llama' is not published"),
        ("pip install 'valle-llama[fast]==0.1.0'", "is not published"),
        ("pip install ./plugins/valle-data (in a checkout of valle)", "valle-data needs"),
        ("pip install ./plugins/valle-nowhere", "not all are folders of ours"),
        ("valle plugins install 'valle-eval[ears]'", "valle-eval has no extra ['ears']"),
        ("valle plugins install lama", "Did you mean 'llama'?"),
        ("valle plugins install tqdm", "'tqdm' is not ours"),
    ],
)
def test_a_command_that_brings_nothing_is_noticed(text, complaint):
    assert any(complaint in line for line in complaints(f"it is missing. Install it with: {text}"))
