"""Hooks that cannot be loaded, the order of those that change audio, and the checks that plugins bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from valle_cli.doctor.finding import Finding
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, open_observers
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry

CHECKS = "checks of plugins"


def hook_findings(registry: Registry) -> Iterator[Finding]:
    """Loads every hook as a run would; imports what the hooks import."""
    reports: list[str] = []
    usable = {entry.name for entry in registry.entries("hook") if entry.status == "ok"}
    try:
        observers = open_observers(registry, reports.append)
    except UserError as error:
        yield Finding(severity="problem", subject="hooks", text=str(error), hint="no run starts before that is fixed")
        return
    checks = list(_checks(observers))
    # Hooks whose spec cannot be used are reported with the other plugins.
    for line in reports:
        name = line.partition("'")[2].partition("'")[0]
        if name.rpartition(":")[2] in usable:
            yield Finding(severity="problem", subject="hooks", text=line, hint="tell its authors")
    if chain := observers.order("after_audio"):
        yield Finding(severity="note", subject="audio", text=f"passes the hooks {' → '.join(chain)} before it leaves")
    yield from checks


def _checks(observers: Observers) -> Iterator[Finding]:
    """Runs what `doctor_checks` of every plugin gives."""
    passed = 0
    for given in observers.call("doctor_checks"):
        try:
            pairs = [(str(name), check) for name, check in given]
        except Exception as error:
            text = f"doctor_checks gave no (name, check) pairs: {one_line(error)}"
            yield Finding(severity="problem", subject=CHECKS, text=text, hint="tell its authors")
            continue
        for name, check in pairs:
            complaint = _run(check)
            passed += not complaint
            if complaint:
                yield Finding(severity="problem", subject=f"check '{name}'", text=complaint)
    if passed:
        yield Finding(severity="ok", subject=CHECKS, text=f"{passed} found nothing")


def _run(check: Any) -> str:
    try:
        complaint = check()
    except (Exception, SystemExit) as error:
        return f"failed: {one_line(error)}"
    return (
        complaint
        if isinstance(complaint, str)
        else f"gave a {type(complaint).__name__}, expected a line or an empty string"
    )
