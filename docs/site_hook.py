"""What mkdocs asks while it builds the site: adds the pages that are made, fills the navigation, rewrites links."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.files import File
from site_pages import commands, messages, places, plugins, python

ROOT = places.ROOT
TITLE = re.compile(r"^# (.+)$", re.M)
PICTURE = re.compile(
    r'<picture>.*?<img src="(?:docs/)?images/(?P<name>[\w-]+)-light\.svg" alt="(?P<alt>[^"]*)">\s*</picture>', re.S
)


def on_config(config: Any) -> Any:
    """Fills what mkdocs.yml leaves to be found: `@commands`, `@plugins`, `@decisions`, `@results`."""
    found = {
        "@commands": lambda: titled(commands.command_pages()),
        "@plugins": lambda: [plugins.INDEX, *({name: f"reference/plugins/{name}.md"} for name in plugins.readmes())],
        "@decisions": lambda: ["adr/README.md", *(f"adr/{name}" for name in names("docs/adr") if name != "README.md")],
        "@results": lambda: [f"benchmarks/results/{name}" for name in names("benchmarks/results")],
        "@examples": lambda: [f"plugins/{name}" for name in names("docs/plugins") if name != "directory.md"],
    }

    def filled(part: Any) -> Any:
        if isinstance(part, list):
            return [one for item in part for one in spread(item)]
        return {name: filled(inner) for name, inner in part.items()} if isinstance(part, dict) else part

    def spread(item: Any) -> list[Any]:
        return list(found[item]()) if isinstance(item, str) and item in found else [filled(item)]

    config.nav = filled(config.nav)
    return config


def names(folder: str) -> list[str]:
    """Markdown files of a folder, sorted."""
    return sorted(path.name for path in (ROOT / folder).glob("*.md"))


def titled(pages: dict[str, str]) -> list[Any]:
    """Pages for the navigation, each under its heading without the word every one begins with."""
    rows = []
    for place, text in pages.items():
        title = TITLE.search(text)
        assert title
        rows.append(place if place.endswith("index.md") else {title[1].removeprefix("valle "): place})
    return rows


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that do not lie in docs/, and the pictures they show."""
    outside = places.outside_pages()
    made = commands.command_pages() | python.python_pages() | {messages.INDEX: messages.page()}
    made[plugins.INDEX] = plugins.index()
    pictures: set[str] = set()
    owners = {path: owner for owner, path in plugins.readmes().items()}
    for source, place in outside.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if source in owners:
            text += plugins.facts(owners[source])
        made[place], shown = places.relinked(text, source, place, outside)
        pictures |= shown
    for file in list(files.documentation_pages()):
        _, shown = places.relinked(file.content_string, f"docs/{file.src_uri}", file.src_uri, outside)
        pictures |= shown
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    for picture in sorted(pictures):
        files.append(File.generated(config, picture, abs_src_path=str(ROOT / picture)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of a page of docs/ as the site needs them; orders to the tests are left out; pictures by theme."""
    place = page.file.src_uri
    if not page.file.generated_by:
        markdown, _ = places.relinked(markdown, f"docs/{place}", place, places.outside_pages())
    return themed(places.tidied(markdown), place)


def themed(markdown: str, place: str) -> str:
    """A picture drawn for light and dark, as the theme switches it."""
    up = "../" * place.count("/")

    def both(found: re.Match[str]) -> str:
        name, alt = found["name"], found["alt"]
        return "\n".join(f"![{alt}]({up}images/{name}-{mode}.svg#only-{mode})" for mode in ("light", "dark"))

    return PICTURE.sub(both, markdown)
