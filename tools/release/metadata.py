"""What all distributions say of themselves, in one place: `[project]` of valle-core, copied by `make metadata`.

    python tools/release/metadata.py                    copy it
    python tools/release/metadata.py --version 0.2.0    and raise the version of all of them
    python tools/release/metadata.py --check v0.2.0     is everything ready for this tag?

Each pyproject.toml says all of it, as each distribution is built alone, from its sdist.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BESIDE = ("LICENSE", "NOTICE", "MODEL_CARD.md")
"""Files of terms; what of them lies in the folder of a distribution goes into its wheel."""
PUBLISHED = "cli/src/valle_cli/checkout.py"
PYTHONS = "Programming Language :: Python :: 3."
SHARED = ("version", "license", "requires-python", "authors")
ORDER = ("license", "license-files", "authors", "keywords", "classifiers")
"""Keys written one below the other."""


def folders(root: Path = ROOT) -> list[Path]:
    """The folders of all distributions, that of valle-core first."""
    plugins = sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))
    return [root, root / "cli", root / "benchmarks", *plugins]


def project_of(folder: Path) -> dict[str, Any]:
    """The table `project` of a folder's pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def expected(folder: Path, core: dict[str, Any]) -> dict[str, Any]:
    """What the pyproject.toml of a folder says, by key of `[project]`; `core` is the table of valle-core."""
    name = project_of(folder)["name"]
    own = [word for word in name.split("-")[1:] if word != "core"]
    shared = [word for word in core["keywords"] if word not in own]
    return {
        **{key: core[key] for key in SHARED},
        "license-files": [file for file in BESIDE if file == "LICENSE" or (folder / file).is_file()],
        "keywords": [*shared, *own],
        "classifiers": [*sorted({*core["classifiers"]} - pythons(core["classifiers"]) | supported(core))],
        "urls": core["urls"],
    }


def pythons(classifiers: list[str]) -> set[str]:
    """Those of the classifiers that name a minor version of Python."""
    return {one for one in classifiers if one.startswith(PYTHONS)}


def minors(core: dict[str, Any]) -> range:
    """The minor versions of Python 3 that `requires-python` allows; it has the form `>=3.A,<3.B`."""
    match = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", core["requires-python"])
    if match is None:
        raise SystemExit(f"requires-python must be of the form '>=3.A,<3.B', got '{core['requires-python']}'")
    return range(int(match[1]), int(match[2]))


def supported(core: dict[str, Any]) -> set[str]:
    """The classifiers of the Python versions that `requires-python` allows."""
    return {f"{PYTHONS}{minor}" for minor in minors(core)}


def written(text: str, values: dict[str, Any]) -> str:
    """The text of a pyproject.toml with `values` in its table `project`; everything else stays as it is."""
    begin = text.index("[project]\n")
    end = text.index("\n[", begin) + 1
    table, rest = text[begin:end], text[end:]
    for key in ("version", "requires-python"):
        table = re.sub(rf"^{key} = .*\n", f"{key} = {toml(values[key])}\n", table, count=1, flags=re.M)
    for key in ORDER:
        table = re.sub(rf"^{key} = (\[\n(.*\n)*?\]|.*)\n", "", table, count=1, flags=re.M)
    block = "".join(f"{key} = {toml(values[key])}\n" for key in ORDER)
    table = re.sub(r"^requires-python", lambda found: block + found[0], table, count=1, flags=re.M)
    rest = re.sub(r"^\[project\.urls\]\n(.+\n)*\n?", "", rest, flags=re.M)
    urls = "".join(f"{name} = {toml(address)}\n" for name, address in values["urls"].items())
    rest = re.sub(r"^\[tool\.", lambda found: f"[project.urls]\n{urls}\n{found[0]}", rest, count=1, flags=re.M)
    return table.join((text[:begin], rest))


def toml(value: Any) -> str:
    """A string, or a list of strings or of tables of strings, as TOML; over 100 characters, an item a line."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items())} }}"
    items = [toml(one) for one in value]
    line = f"[{', '.join(items)}]"
    return line if len(line) <= 100 else "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def requirements(project: dict[str, Any]) -> Iterator[str]:
    """Everything that a distribution asks for, its extras included."""
    yield from project.get("dependencies", ())
    for group in project.get("optional-dependencies", {}).values():
        yield from group


def pinned(text: str, ours: Iterable[str], version: str) -> str:
    """The text of a pyproject.toml with each requirement on one of ours at the version of all: they go together."""
    for line in requirements(tomllib.loads(text)["project"]):
        found = re.fullmatch(r"([\w-]+)(\[[\w,-]+\])?([=<>~!].*)?", line)
        if found and found[1] in ours:
            text = text.replace(f'"{line}"', f'"{found[1]}{found[2] or ""}=={version}"')
    return text


def copy(root: Path = ROOT, version: str = "") -> list[Path]:
    """Write the metadata of valle-core, of a new version if one is given, into every distribution; what changed."""
    core = project_of(root) | ({"version": version} if version else {})
    ours, changed = {project_of(folder)["name"] for folder in folders(root)}, []
    for folder in folders(root):
        path = folder / "pyproject.toml"
        before = path.read_text(encoding="utf-8")
        after = pinned(written(before, expected(folder, core)), ours, core["version"])
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
        if folder != root:
            shutil.copyfile(root / "LICENSE", folder / "LICENSE")
    citation = root / "CITATION.cff"
    before = citation.read_text(encoding="utf-8")
    after = re.sub(r"^version: .*$", f"version: {core['version']}", before, flags=re.M)
    if after != before:
        citation.write_text(after, encoding="utf-8")
        changed.append(citation)
    return changed


def complaints(tag: str, root: Path = ROOT) -> list[str]:
    """What is not ready for a release by this tag, a line each."""
    version = project_of(root)["version"]
    found = [] if tag == f"v{version}" else [f"the tag must be v{version}, got {tag}"]
    log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$", log, re.M):
        found.append(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'")
    if "\nPUBLISHED = True\n" not in (root / PUBLISHED).read_text(encoding="utf-8"):
        found.append(f"{PUBLISHED} must say PUBLISHED = True, so that `valle plugins install` asks an index for ours")
    return found


def main(words: list[str]) -> int:
    """Copy, or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--version", default="", help="the next version of every distribution")
    parser.add_argument("--check", default="", metavar="TAG", help="say what is not ready for a release by this tag")
    own = parser.parse_args(words)
    if own.version and not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", own.version):
        parser.error(f"--version must be like 0.2.0 or 0.2.0rc1, got '{own.version}'")
    if own.check:
        found = complaints(own.check)
        for line in found:
            print(f"error: {line}", file=sys.stderr)
        return 2 if found else 0
    for path in copy(version=own.version):
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
