"""`valle plugins check NAME`: runs the conformance suite of its kind on an installed plugin."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import NoReturn

from valle_cli.commands.plugins_info import find_entry
from valle_core.plugin import UserError
from valle_core.registry.announced import every_kind
from valle_core.registry.registry import Registry

EPILOG = """examples:
  valle plugins check tiny
  valle plugins check valle-retnet:retnet --kind arch --json

Exit code 0: it conforms. 1: a check failed, passed although the spec expects it to fail, or too few ran.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle plugins check: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle plugins check",
        description="Run the conformance suite of its kind on a plugin: what each check found, and the contract it "
        "enforces.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", help="plugin, or distribution:plugin")
    parser.add_argument(
        "--kind", choices=[row.name for row in every_kind() if row.suite], help="where several kinds have the name"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Print the report; returns 0 when the plugin conforms, else 1. Raises `UserError` where it cannot be built."""
    options = parser().parse_args(argv)
    registry = Registry.open(safe=safe)
    kind = find_entry(registry, options.name, options.kind).kind.name
    kinds = [row.name for row in every_kind() if row.suite]
    if kind not in kinds:
        raise UserError(f"'{options.name}' is a {kind}, for which there is no suite. Kinds: {', '.join(kinds)}")
    from valle_testing.installed import check_plugin

    report = check_plugin(registry, kind, options.name)
    if options.json:
        facts = dataclasses.asdict(report) | {"ok": report.ok, "summary": report.summary}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print(report.table())
    return 0 if report.ok else 1
