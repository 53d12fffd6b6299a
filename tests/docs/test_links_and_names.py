"""What the documents point at exists: files, headings, commands, options and public names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from valle_core import api
from valle_core.registry.registry import Registry

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TAG = re.compile(r'<(?:img|audio|source) [^>]*\b(?:src|srcset)="([^"]+)"')


def anchors(path: Path) -> set[str]:
    """Headings as a forge turns them into anchors."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def written_there() -> set[str]:
    """Names of the plugins that the pages themselves write."""
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    return set(re.findall(r'\bname="([\w-]+)"', pages)) | set(re.findall(r"valle new-plugin \w+ ([\w-]+)", pages))


def commands_written_there() -> set[str]:
    """Names of the commands that the pages themselves write; a plugin of another kind is no command."""
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    return set(re.findall(r'\bCommandSpec\(\s*name="([\w-]+)"', pages)) | set(
        re.findall(r"valle new-plugin command ([\w-]+)", pages)
    )


def spoken_of(program: str, page: Path) -> list[str]:
    """The words after `program` wherever it stands as code: between backticks, or first in a line of a bash block."""
    text = page.read_text(encoding="utf-8")
    shell = "\n".join(re.findall(r"^```bash\n(.*?)^```$", text, re.M | re.S))
    words = r"([a-z][a-z-]*(?: [a-z][a-z-]*)?)"
    return re.findall(rf"`{program} {words}", text) + re.findall(rf"(?:^|&& ){program} {words}", shell, re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page):
    text = page.read_text(encoding="utf-8")
    for target in (*LINK.findall(text), *TAG.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name} links to {target}, which does not exist"
        assert path.is_relative_to(ROOT), f"{page.name} links to {target}, outside the repository"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {target}; there is no such heading"


def test_every_command_that_is_written_about_exists():
    names = set(Registry.open().names("command")) | commands_written_there()
    assert "average" not in names  # an alignment of a page: `valle average` stood in one, and passed
    groups = {name.split()[0] for name in names if " " in name}
    for page in PAGES:
        for words in spoken_of("valle", page):
            first = words.split()[0]
            wanted = words if first in groups else first
            assert wanted in names or words in groups, f"{page.name} speaks of `valle {words}`, which does not exist"


def scripts_not_there(text: str, folders: tuple[str, ...] = ("",)) -> list[str]:
    """Scripts of the repository that a text runs, and that lie in none of the folders beneath their own."""
    found = re.findall(r"\bpython ((?:benchmarks|docs|examples|plugins|tests|tools)/[\w./-]+\.py)", text)
    return [
        one
        for one in found
        if not any((ROOT / one).parent.joinpath(part, Path(one).name).is_file() for part in folders)
    ]


def test_every_script_that_is_run_in_a_page_or_a_result_exists():
    for page in [*PAGES, *sorted(ROOT.glob("plugins/*/*.md"))]:
        assert scripts_not_there(page.read_text(encoding="utf-8")) == [], page.name
    for page in sorted((ROOT / "benchmarks" / "results").glob("*.md")):
        made = page.with_suffix(
            ".json"
        ).is_file()  # then the command is a record of its commit, when studies/ was not there
        assert scripts_not_there(page.read_text(encoding="utf-8"), ("", "studies") if made else ("",)) == [], page.name
    assert scripts_not_there("python benchmarks/no.py --out x") == ["benchmarks/no.py"]


def test_every_make_target_that_is_written_about_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        for target in (words.split()[0] for words in spoken_of("make", page)):
            assert target in targets, f"{page.name} speaks of `make {target}`, which does not exist"


def test_every_plugin_named_behind_its_flag_exists():
    registry = Registry.open()
    kinds = {"arch": "arch", "attention": "attention", "codec": "codec", "task": "task", "frontend": "frontend"}
    kinds |= {"sampler": "sampler", "nar-sampler": "sampler"}
    for page in PAGES:
        for flag, name in re.findall(r"--([a-z-]+) ([a-z][\w-]*)", page.read_text(encoding="utf-8")):
            if flag in kinds:
                assert name in {*registry.names(kinds[flag]), *written_there()}, (
                    f"{page.name}: there is no {flag} '{name}'"
                )


def test_every_name_shown_from_the_public_module_is_public():
    for page in PAGES:
        for names in re.findall(r"^from valle_core\.api import (.+)$", page.read_text(encoding="utf-8"), re.M):
            assert {name.strip() for name in names.split(",")} <= set(dir(api)), f"{page.name}: {names}"


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    written = {path.name for path in (ROOT / "docs" / "adr").glob("*.md")} - {"README.md"}
    assert written == set(LINK.findall(index))
