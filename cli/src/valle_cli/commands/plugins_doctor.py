"""`valle plugins doctor`: what is wrong with this installation, one line each, with the hint."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from typing import NoReturn

from valle_core.plugin import UserError

EPILOG = """examples:
  valle plugins doctor
  valle plugins doctor --json | jq '.findings[] | select(.severity == "problem")'

Exit code 0: no problem (warnings do not count). 1: at least one problem.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"valle plugins doctor: {message}")


def parser() -> argparse.ArgumentParser:
    """Its options."""
    parser = _Parser(
        prog="valle plugins doctor",
        description="Look over the installed plugins: stale and doubled metadata, broken and slow specs, misspelt "
        "hooks and capabilities, the checks plugins bring, and what is taken where nothing is named.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="a JSON object on stdout, for scripts")
    return parser


def main(argv: list[str], *, safe: bool = False) -> int:
    """Print what was found, worst first; returns 1 when a problem was found, else 0."""
    options = parser().parse_args(argv)
    from valle_cli.doctor.diagnose import diagnose
    from valle_cli.doctor.finding import SEVERITIES

    findings = diagnose(os.environ, safe=safe)
    counts = {severity: sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    if options.json:
        rows = [dataclasses.asdict(finding) for finding in findings]
        report = {"ok": not counts["problem"], "counts": counts, "findings": rows}
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        for finding in findings:
            print(f"{finding.severity:<9}{finding.line()}")
        words = [_counted(counts[word], word) for word in ("problem", "warning")]
        print(", ".join(filter(None, words)) or "all is well")
    return 1 if counts["problem"] else 0


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count > 1)}" if count else ""
