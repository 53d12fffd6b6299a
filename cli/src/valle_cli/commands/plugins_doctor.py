"""`valle plugins doctor`: what is wrong with this installation, one line each, with the hint."""

from __future__ import annotations

import dataclasses
import os

from valle_core.command import CommandContext, CommandResult


def doctor(context: CommandContext) -> CommandResult:
    """Diagnose the installed plugins.

    Finds stale and duplicate metadata, broken and slow specs, misspelt hooks and capabilities; runs the checks that
    plugins bring; shows the defaults of every command.

    Exit code 0: no problem (warnings do not count). 1: at least one problem.
    """
    from valle_cli.doctor.diagnose import diagnose
    from valle_cli.doctor.finding import SEVERITIES

    findings = diagnose(os.environ, safe=context.registry.safe)
    counts = {severity: sum(one.severity == severity for one in findings) for severity in SEVERITIES}
    words = [_counted(counts[word], word) for word in ("problem", "warning")]
    lines = [f"{finding.severity:<9}{finding.line()}" for finding in findings]
    rows = [dataclasses.asdict(finding) for finding in findings]
    return CommandResult(
        text="\n".join([*lines, ", ".join(filter(None, words)) or "all is well"]),
        facts={"ok": not counts["problem"], "counts": counts, "findings": rows},
        code=1 if counts["problem"] else 0,
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count > 1)}" if count else ""
