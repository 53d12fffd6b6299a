"""`valle new-plugin KIND NAME`: a complete package to grow from; answers without Typer, pydantic or torch."""

from __future__ import annotations

import argparse
import difflib
import json
import shlex
from pathlib import Path
from typing import NoReturn

from valle_cli.package_names import Names, names_of
from valle_cli.scaffold import Package, make
from valle_core.plugin import Kind, UserError
from valle_core.registry.announced import every_kind

EPILOG = """examples:
  valle new-plugin sampler my-sampler
  valle new-plugin arch my-arch --into plugins
  valle new-plugin codec my-codec --distribution acme-codec --json

The package installs and passes its suite as it is. What it is called may not be taken: two plugins of one name are a
conflict. Nothing is left behind when it cannot be written whole.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle new-plugin: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle new-plugin",
        description="Make a complete plugin package: pyproject, spec, options, code, tests, README.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("kind", metavar="KIND", help=f"one of: {', '.join(row.name for row in every_kind())}")
    parser.add_argument("name", metavar="NAME", help="what users will type, e.g. --arch NAME")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="where (default: here)")
    parser.add_argument("--distribution", metavar="DIST", help="what pip will install (default: valle-NAME-plugin)")
    parser.add_argument("--json", action="store_true", help="a JSON object on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Make it; returns 0. Raises `UserError` for kinds, names and folders that cannot be."""
    options = parser().parse_args(argv)
    row = _kind(options.kind)
    names = names_of(row, options.name, options.distribution)
    package = make(row, names, options.into)
    steps = next_steps(row, names, package)
    if options.json:
        facts = {
            "kind": row.name,
            "name": names.name,
            "distribution": names.distribution,
            "package": names.package,
            "folder": str(package.folder),
            "files": package.files,
            "next": [command for command, _ in steps],
        }
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return 0
    print(f"wrote {package.folder}: {row.name} '{names.name}', {len(package.files)} files. Next:")
    width = max(len(command) for command, _ in steps)
    for command, purpose in steps:
        print(f"  {command:<{width}}  # {purpose}")
    return 0


def next_steps(row: Kind, names: Names, package: Package) -> list[tuple[str, str]]:
    """Commands to type next, and what each is for."""
    folder = shlex.quote(str(package.folder))
    steps = [
        (f"pip install -e {folder}", "found by its name from now on; edit it in place"),
        (f"valle list-plugins --kind {row.name}", "it is there, with its status"),
    ]
    if row.suite:
        steps.append((f"valle plugins check {names.name}", "the suite of its kind"))
    if row.name == "command":
        steps.append((f"valle {names.name} --help", "what it does"))
    return [*steps, (f"python -m pytest {folder}", "its own tests (needs pytest)")]


def _kind(name: str) -> Kind:
    for row in every_kind():
        if row.name == name:
            return row
    known = [row.name for row in every_kind()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise UserError(f"there is no kind '{name}'.{hint} Kinds: {', '.join(known)}")
