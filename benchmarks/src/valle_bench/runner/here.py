"""The worker's side of a job in this very process: for a debugger, and for tests that need no other process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from valle_bench.runner.measurement import Job
from valle_bench.runner.worker import work
from valle_core.registry.registry import Registry


def converse_here(
    module: str, job: str, *, patience: float, begin: Callable[[int], None]
) -> tuple[list[dict[str, Any]], str]:
    """Stands in for `valle_bench.conversation.converse`; what is raised is raised."""
    lines: list[dict[str, Any]] = []

    def say(line: dict[str, Any]) -> None:
        lines.append(line)
        if "begin" in line:
            begin(line["begin"])

    asked = Job.read(job)
    work(asked, Registry.open(safe=asked.settings.safe), say)
    return lines, ""
