"""One line of `valle plugins doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["problem", "warning", "note", "ok"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note", "ok")
"""Worst first. Only a problem makes the exit code 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        severity: `problem` is broken, `warning` works but will surprise, `note` is worth knowing, `ok` is well.
        subject: who it is about: a distribution, a plugin, a variable.
        text: what is the matter, without a full stop.
        hint: what to do about it, or "".
    """

    severity: Severity
    subject: str
    text: str
    hint: str = ""

    def line(self) -> str:
        """As the terminal shows it."""
        hint = f" -> {self.hint}" if self.hint else ""
        return " ".join(f"{self.subject}: {self.text}{hint}".split())


def worst_first(findings: list[Finding]) -> list[Finding]:
    """In the order of `SEVERITIES`, otherwise as found."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
