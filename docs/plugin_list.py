"""Writes the tables of plugins from their specs: the whole one to `docs/plugin-list.md`, a short one into `README.md`.

python docs/plugin_list.py    # `make docs` runs it; a test compares what is committed with what the specs say
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from valle_cli.known import KNOWN
from valle_core.plugin import PluginSpec
from valle_core.registry.catalog import Entry
from valle_core.registry.registry import Registry

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "plugin-list.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- plugins: begin, written by docs/plugin_list.py -->\n", "<!-- plugins: end -->\n"
ARXIV = re.compile(r"(?:arXiv )?(\d{4}\.\d{4,5})")
IN_FULL = ("arch", "codec")
"""Kinds whose plugins have a line each in the short table."""

TITLES = {
    "arch": "Backbones",
    "attention": "Attention kernels",
    "codec": "Codecs",
    "sampler": "Samplers",
    "task": "Tasks",
    "frontend": "Text frontends",
    "rewrite": "Rewrites of backbones",
    "alignment": "Alignments",
    "recognizer": "Recognizers",
    "metric": "Metrics",
    "optimizer": "Optimizers",
    "schedule": "Learning-rate schedules",
    "loss": "Further losses",
    "draft": "Drafts of several frames a step",
}
HEAD = """\
# All plugins

What the distributions of this repository bring, kind by kind, as they say it of themselves: `docs/plugin_list.py`
writes this page from their specs, and a test holds it to them. `valle list-plugins` shows what is installed on a
machine and whether it can run there, `valle plugins info NAME` all of one plugin with its options. The licence is that
of the code, and of the weights where they have another. A device in the table is one the plugin was written for;
**none was run on CUDA yet** ([status](status.md)).

A streaming codec gives sound while codes still come. Every backbone decodes step by step with a cache; its memory is
what that holds.

"""


def main() -> None:
    """Write both tables."""
    PAGE.write_text(whole(), encoding="utf-8")
    README.write_text(with_short(README.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)} and the table of {README.name}")


def entries() -> dict[str, list[Entry]]:
    """Kind → the plugins of this repository, whether they can run here or not, by name."""
    registry = Registry.open()
    mine = [entry for entry in registry.entries() if entry.distribution in KNOWN and isinstance(entry.spec, PluginSpec)]
    found: dict[str, list[Entry]] = {kind: [] for kind in TITLES}
    for entry in sorted(mine, key=lambda entry: entry.name):
        found.setdefault(entry.kind.name, []).append(entry)
    return {kind: rows for kind, rows in found.items() if rows}


def whole() -> str:
    """The page: a table for each kind."""
    parts = [HEAD]
    for kind, rows in entries().items():
        chosen = f"chosen by `{rows[0].kind.usage.format(kind=kind, name='NAME')}`"
        parts.append(f"## {TITLES.get(kind, kind)}\n\nKind `{kind}`, {chosen}.\n\n{table(rows, COLUMNS, '../')}\n")
    return "".join(parts).rstrip() + "\n"


def short() -> str:
    """A line for each backbone and codec, and the names of all others."""
    found = entries()
    columns = {name: cell for name, cell in COLUMNS.items() if name != "what"}
    parts = [f"**{TITLES[kind]}**\n\n{table(found[kind], columns, '')}" for kind in IN_FULL]
    others = [
        f"| {TITLES.get(kind, kind).lower()} (`{kind}`) | {' · '.join(name_of(row, '') for row in rows)} |\n"
        for kind, rows in found.items()
        if kind not in IN_FULL
    ]
    parts.append(f"**Everything else**\n\n| kind | plugins |\n|---|---|\n{''.join(others)}")
    return "\n".join(parts)


def with_short(text: str) -> str:
    """The README with the short table between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{short()}\n{END}{after}"


def table(rows: Iterable[Entry], columns: dict[str, Callable[[Entry], str]], root: str) -> str:
    """A Markdown table, without the columns that nothing stands in."""
    cells = [[name_of(row, root), *(cell(row) for cell in columns.values())] for row in rows]
    heads = ["name", *columns]
    kept = [place for place in range(len(heads)) if any(line[place] for line in cells)]
    lines = [[heads[place] for place in kept], *([line[place] for place in kept] for line in cells)]
    lines.insert(1, ["---"] * len(kept))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def name_of(row: Entry, root: str) -> str:
    """The name, linked to the page of its distribution."""
    return f"[`{row.name}`]({root}plugins/{row.distribution}/README.md)"


def spec_of(row: Entry) -> PluginSpec:
    """Its spec, which `entries` made sure of."""
    assert isinstance(row.spec, PluginSpec)
    return row.spec


def paper(row: Entry) -> str:
    """What the spec names, else an arXiv number in its summary; numbers become links."""
    spec = spec_of(row)
    named = spec.paper or ", ".join(ARXIV.findall(spec.summary))
    return ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", named)


def streaming(row: Entry) -> str:
    """Whether a codec streams; "" for other kinds."""
    return ("yes" if "streaming" in spec_of(row).capabilities else "no") if row.kind.name == "codec" else ""


def devices(row: Entry) -> str:
    """Device types, where the kind computes on one; what an environment variable of the moment says is left out."""
    return ", ".join(spec_of(row).devices) if row.kind.on_device or row.kind.name in ("recognizer", "metric") else ""


COLUMNS: dict[str, Callable[[Entry], str]] = {
    "what": lambda row: spec_of(row).summary.rstrip(".").replace("|", "\\|"),
    "paper": paper,
    "devices": devices,
    "streaming": streaming,
    "memory": lambda row: spec_of(row).memory,
    "weights it loads": lambda row: spec_of(row).weights,
    "licence": lambda row: spec_of(row).licence,
}

if __name__ == "__main__":
    main()
