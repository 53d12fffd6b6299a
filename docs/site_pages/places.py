"""Where a file of the repository stands on the site, and links between such files rewritten to links of the site."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
"""Pages at the root that the site shows too, where they are there."""

FOLDERS = ("benchmarks/results/*.md", "benchmarks/studies/*.md", "benchmarks/README.md", "examples/*.md")
LINK = re.compile(r"(?P<head>!?\[(?P<text>[^\]]*)\]\()(?P<target>[^)\s]+)(?P<tail>\))")
PICTURES = (".png", ".svg", ".wav")


def outside_pages() -> dict[str, str]:
    """Path in the repository → path on the site, of every page that does not lie in docs/."""
    found = [name for name in OUTSIDE if (ROOT / name).is_file()]
    found += [path.relative_to(ROOT).as_posix() for pattern in FOLDERS for path in sorted(ROOT.glob(pattern))]
    places = {name: name.lower() if "/" not in name else name for name in found}
    for path in sorted((ROOT / "plugins").glob("*/*.md")):
        name = path.relative_to(ROOT).as_posix()
        owner = path.parent.name
        places[name] = f"reference/plugins/{owner}.md" if path.name == "README.md" else f"reference/{name}"
    return places


def site_place(path: str, pages: Mapping[str, str]) -> str | None:
    """Where a file of the repository stands on the site; None where the site does not show it."""
    if path == "README.md":
        return "index.md"
    if path in pages:
        return pages[path]
    if path.startswith("docs/") and PurePosixPath(path).suffix in (".md", *PICTURES):
        return path.removeprefix("docs/")
    if PurePosixPath(path).suffix in PICTURES:
        return path
    return None


def relinked(text: str, source: str, place: str, pages: Mapping[str, str]) -> tuple[str, set[str]]:
    """A page of the repository with its links as the site needs them, and the pictures outside docs/ it shows.

    Args:
        text: Markdown.
        source: path of the page in the repository, e.g. `"docs/train.md"`.
        place: where it stands on the site.
        pages: as `outside_pages` gives.
    """
    pictures: set[str] = set()

    def one(found: re.Match[str]) -> str:
        name, mark, anchor = found["target"].partition("#")
        if re.match(r"[a-z]+:", found["target"]) or not name:
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
        if (ROOT / path).is_dir() and (ROOT / path / "README.md").is_file():
            path = f"{path}/README.md"
        there = site_place(path, pages)
        if there is None:
            return f"`{found['text'].strip('`')}`" if found["text"] else ""
        if not path.startswith("docs/") and PurePosixPath(path).suffix in PICTURES:
            pictures.add(path)
        relative = posixpath.relpath(there, posixpath.dirname(place) or ".")
        return f"{found['head']}{relative}{mark}{anchor}{found['tail']}"

    return LINK.sub(one, text), pictures


FENCE = re.compile(r"^```(?P<language>\w+) (?P<file>\S+)$", re.M)
ORDER = re.compile(r"^<!-- (?:test: .+?|fmt: o(?:n|ff)) -->\n", re.M)


def tidied(text: str) -> str:
    """Markdown without the orders to the tests, and with the names of files as titles of their blocks."""
    return FENCE.sub(r'```\g<language> title="\g<file>"', ORDER.sub("", text))
