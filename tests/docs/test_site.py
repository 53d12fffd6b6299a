"""`make site`: it builds without a warning, nothing in it is fetched from elsewhere, and its links lead somewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
LOADED = {
    ("img", "src"),
    ("script", "src"),
    ("audio", "src"),
    ("source", "srcset"),
    ("iframe", "src"),
    ("link", "href"),
}


class Page(HTMLParser):
    """Links, what is loaded, and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") == "canonical":
            return
        self.loaded += [given[name] for name in given if (tag, name) in LOADED]


def problems(site: Path) -> list[str]:
    """What a page loads from elsewhere, and links or files that are not there."""
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        here = path.relative_to(site)
        found += [f"{here} loads {target}" for target in page.loaded if "//" in target]
        for target in (*page.links, *page.loaded):
            name, _, anchor = target.partition("#")
            if ":" in name or target.startswith("//"):
                continue
            if path.name == "404.html":
                name = name.lstrip("/")  # it is shown at any depth, so its links begin at the root
            there = (path.parent / unquote(name)).resolve() if name else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file():
                found.append(f"{here} leads to {target}")
            elif anchor and there in pages and unquote(anchor) not in pages[there].anchors and anchor != "__codelineno":
                found.append(f"{here} leads to {target}, which has no such anchor")
    return found


@pytest.mark.slow
def test_the_site_builds_and_is_whole(tmp_path):
    pytest.importorskip("mkdocs", reason="`make test-all` installs it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list(tmp_path.rglob("*.html"))) > 120
    assert problems(tmp_path) == []


def test_what_is_wrong_with_a_site_is_found(tmp_path):
    good = '<h1 id="top">a</h1><a href="b.html#there">b</a><img src="p.png"><a href="https://example.org">x</a>'
    bad = '<h1 id="there">b</h1><a href="c.html">c</a><a href="a.html#no">a</a><script src="https://cdn.org/x.js"></script>'
    (tmp_path / "a.html").write_text(good)
    (tmp_path / "b.html").write_text(bad)
    (tmp_path / "p.png").write_bytes(b"")
    assert problems(tmp_path) == [
        "b.html loads https://cdn.org/x.js",
        "b.html leads to c.html",
        "b.html leads to a.html#no, which has no such anchor",
    ]
