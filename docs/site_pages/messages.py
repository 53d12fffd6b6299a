"""Every message a user may be refused with, read from the source: what to search for when one appears."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from site_pages.places import ROOT

INDEX = "reference/messages.md"
SOURCES = {
    "training, synthesis and the registry (valle-core)": "valle_core",
    "the command line (valle)": "cli/src",
    "benchmarks (valle-bench)": "benchmarks/src",
}
HEAD = """\
# Messages

Every line that ends a command with exit code 2, read from the source. `…` stands for what the message names: a file, a
value, a plugin. Search this page for the part that stays the same. What to do about the usual ones:
[troubleshooting](../troubleshooting.md).

"""


def page() -> str:
    """The page, a section for each distribution."""
    folders = dict(SOURCES)
    folders |= {path.name: f"plugins/{path.name}/src" for path in sorted((ROOT / "plugins").iterdir()) if path.is_dir()}
    parts = [HEAD]
    for title, folder in folders.items():
        found = messages(ROOT / folder)
        if found:
            parts.append(f"## {title}\n\n" + "".join(f"* `{text}`\n" for text in found) + "\n")
    return "".join(parts)


def messages(folder: Path) -> list[str]:
    """The messages of `UserError` in a folder of source, sorted."""
    texts: dict[str, None] = defaultdict(None)
    for path in sorted(folder.rglob("*.py")):
        if "templates" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "UserError(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError" and node.args:
                line = " ".join(worded(node.args[0]).split()).replace("`", "'")
                if sum(letter.isalpha() for letter in line) > 8:
                    texts[line] = None
    return sorted(texts, key=str.lower)


def worded(node: ast.expr) -> str:
    """A string or f-string with `…` for what is filled in; "" for another expression."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(worded(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return worded(node.left) + worded(node.right)
    return "…"
