"""What the specs say: who cannot be used and why, unknown words, slow imports."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections.abc import Iterator, Sequence

from valle_cli.doctor.finding import Finding, Severity
from valle_cli.doctor.probe import Probed
from valle_cli.interpreter import Command, opened
from valle_core.plugin import CommandSpec, Kind, PluginSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.loading import LoadError, load, one_line
from valle_core.registry.select import Selected

SLOW_MS = 100.0
"""An import that takes longer is felt in every listing."""

SEVERITY: dict[str, Severity] = {
    "broken": "problem",
    "incompatible": "problem",
    "conflict": "warning",
    "unavailable": "warning",
}


def status_findings(entries: Sequence[Entry]) -> Iterator[Finding]:
    """One finding for each reason, however many plugins share it; one line for all that is well."""
    reasons: dict[tuple[str, str, str, str], list[str]] = {}
    for entry in entries:
        if entry.status in SEVERITY:
            reasons.setdefault((entry.status, entry.owner, entry.why, entry.hint), []).append(_named(entry))
        elif entry.status == "ok" and entry.why:
            reasons.setdefault(("old", entry.owner, entry.why, entry.hint), []).append(_named(entry))
    for (status, owner, why, hint), names in reasons.items():
        severity = SEVERITY.get(status, "warning")
        text = why if status == "old" else f"{status}: {why}"
        yield Finding(severity=severity, subject=f"{', '.join(names)} ({owner})", text=text, hint=hint)
    off = [entry for entry in entries if entry.status == "disabled"]
    for why in dict.fromkeys(entry.why for entry in off):
        names = ", ".join(_named(entry) for entry in off if entry.why == why)
        yield Finding(severity="note", subject=names, text=f"disabled: {why}")
    good = [entry for entry in entries if entry.status == "ok"]
    homes = {entry.distribution for entry in good}
    missing = sum(entry.status == "not-installed" for entry in entries)
    text = f"{len(good)} can be used, of {len(homes)} distributions; {missing} first-party ones are not installed"
    yield Finding(severity="ok", subject="plugins", text=text)


def option_findings(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Options that are no frozen dataclass with defaults, and factories that are not there: a run would find them."""
    for entry in entries:
        if entry.status == "ok" and isinstance(entry.spec, PluginSpec):
            who, hint = f"{_named(entry)} ({entry.owner})", f"tell the authors of {entry.distribution}"
            try:
                options = Selected(name=entry.name, entry=entry, spec=entry.spec).options_type()
            except UserError as error:
                yield Finding(severity="problem", subject="options", text=str(error), hint=hint)
            else:
                if text := _without_defaults(options):
                    yield Finding(severity="problem", subject=who, text=text, hint=hint)
            if text := _factory_trouble(entry.spec.factory):
                yield Finding(severity="problem", subject=who, text=text, hint=hint)


def opened_commands(entries: Sequence[Entry]) -> tuple[list[Command], list[Finding]]:
    """The commands that can be used, and those whose schema or function is not there or is another thing."""
    commands, broken = [], []
    for entry in entries:
        if entry.status == "ok" and isinstance(entry.spec, CommandSpec):
            try:
                commands.append(opened(entry.spec, entry.owner))
            except UserError as error:
                hint = f"tell the authors of {entry.distribution}"
                broken.append(Finding(severity="problem", subject="commands", text=str(error), hint=hint))
    return commands, broken


def _without_defaults(options: type) -> str:
    """Fields of an options class that have no default, or what its defaults raise."""
    missing = dataclasses.MISSING
    bare = [one.name for one in dataclasses.fields(options) if one.default is one.default_factory is missing]
    if bare:
        return f"its options {options.__name__} have no default for {', '.join(bare)}; every option needs one"
    try:
        options()
    except Exception as error:
        return f"its options {options.__name__} cannot be made from their defaults: {one_line(error)}"
    return ""


def _factory_trouble(reference: str) -> str:
    """Why a factory cannot be called, with the nearest name of its module where it is misspelt."""
    try:
        factory = load(reference)
    except LoadError as error:
        module, _, attribute = reference.partition(":")
        names = [name for name, value in vars(sys.modules.get(module, object)).items() if callable(value)]
        near = difflib.get_close_matches(attribute, names, n=1)
        hint = f". Did they mean '{module}:{near[0]}'?" if near else ""
        return f"its factory {reference} cannot be loaded: {error}{hint}"
    return "" if callable(factory) else f"its factory {reference} is a {type(factory).__name__}, which cannot be called"


def word_findings(entries: Sequence[Entry], rows: Sequence[Kind]) -> Iterator[Finding]:
    """Capabilities and needs that no kind knows: a slip of the pen that nothing would ever ask for."""
    kinds = {kind.name: kind for kind in rows}
    for entry in entries:
        spec = entry.spec
        if not isinstance(spec, PluginSpec):
            continue
        who = f"{_named(entry)} ({entry.owner})"
        known = entry.kind.words | entry.kind.owed
        for word in sorted(spec.capabilities - known):
            text = f"declares capability '{word}', which kind {entry.kind.name} does not know"
            yield _unknown(who, text, word, known)
        for kind, words in spec.needs.items():
            if kind not in kinds:
                yield _unknown(who, f"needs a plugin of kind '{kind}', which there is not", kind, kinds)
                continue
            known_there = kinds[kind].words | kinds[kind].owed
            for word in sorted(words - known_there):
                text = f"needs {kind} with '{word}', which that kind does not know"
                yield _unknown(who, text, word, known_there)


def import_findings(probed: Sequence[Probed]) -> Iterator[Finding]:
    """Specs that are slow to import, and those that a listing does not survive."""
    for one in probed:
        found = one.found
        who = f"{found.value.partition(':')[0]} ({found.distribution} {found.version})"
        if one.deadly:
            hint = f"valle plugins uninstall {found.distribution}, or VALLE_DISABLE_PLUGINS={found.name}"
            yield Finding(severity="problem", subject=who, text=one.deadly, hint=hint)
        elif one.ms > SLOW_MS:
            text = f"its import takes {one.ms:.0f} ms in every listing (limit {SLOW_MS:.0f})"
            hint = f"tell the authors of {found.distribution} to import inside the factory"
            yield Finding(severity="warning", subject=who, text=text, hint=hint)
    if probed:
        total = sum(one.ms for one in probed)
        yield Finding(severity="ok", subject="specs", text=f"{len(probed)} are imported in {total:.0f} ms")


def _unknown(who: str, text: str, word: str, known) -> Finding:
    near = difflib.get_close_matches(word, list(known), n=1)
    hint = f"did its authors mean '{near[0]}'?" if near else f"known are: {', '.join(sorted(known)) or 'none'}"
    return Finding(severity="warning", subject=who, text=text, hint=hint)


def _named(entry: Entry) -> str:
    return f"{entry.kind.name} '{entry.name}'"
