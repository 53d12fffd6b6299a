"""From names to metrics and recognizers that are ready, each with what its numbers depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from valle_core.api import Part, Registry, Resolved, Schema, Slot, UserError, build, preflight, resolve
from valle_language.measuring import Metric
from valle_language.recognition import KnowsItself, Recognizer

WORDS, PHONES = "whisper-tiny", "hama"
"""Recognizers that are taken where none is named: they need no download. pocketsphinx is not one of them: as dictation
it finds few words."""

FIRST = ({"wer", "cer"}, {"per", "alignment", "ending"}, {"similarity"})
"""Metrics whose figures come first where none is named: what was said, then how, then by whom."""

OF_WORDS, OF_PHONES = frozenset({"transcript"}), frozenset({"phones", "expected"})
"""What each of them answers for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A metric that is ready.

    Attributes:
        name: of the registry.
        metric: the object.
        needs: what it declares to need of a clip.
        identity: what its numbers depend on: plugin, options, packages, weights.
    """

    name: str
    metric: Metric
    needs: frozenset[str]
    identity: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """A recognizer that is ready, on its device.

    Attributes:
        name: of the registry.
        recognizer: the object.
        device: where it takes waveforms.
        identity: as `Judge.identity`.
    """

    name: str
    recognizer: Recognizer
    device: torch.device
    identity: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judges:
    """All that judge a run.

    Attributes:
        metrics: in the order of their figures.
        words: recognizer of words, where a metric needs one.
        phones: recognizer of phonemes, where a metric needs one.
    """

    metrics: tuple[Judge, ...]
    words: Listener | None
    phones: Listener | None


def open_judges(
    resolved: Resolved,
    registry: Registry,
    device: torch.device,
    there: frozenset[str],
    note: Callable[[str], None],
    usual: Mapping[str, Any] | None = None,
) -> Judges:
    """Those that were named, or all that can judge here.

    Args:
        resolved: parts of `valle_eval.command.SLOTS`.
        registry: where names are found.
        device: of metrics and recognizers; the CPU for those that run on nothing else.
        there: what the sentences bring of `valle_language.measuring.NEEDS`.
        note: gets what is left out, one line each.
        usual: options of metrics where none is named, for those that have them, e.g. `{"normaliser": "words"}`.

    Raises:
        UserError: a metric that was named cannot run here, or lacks what it needs.
    """
    words = _listener("recognizer", WORDS, resolved, registry, device)
    phones = _listener("phone_recognizer", PHONES, resolved, registry, device)
    has = there | (OF_WORDS if isinstance(words, Listener) else set())
    has |= OF_PHONES if isinstance(phones, Listener) else set()
    why = {need: str(words) for need in OF_WORDS if isinstance(words, str)}
    why |= {need: str(phones) for need in OF_PHONES if isinstance(phones, str)}
    named = resolved.parts["metric"]
    parts = named or tuple(_with(part, usual or {}) for part in _all_metrics(registry, note))
    metrics: list[Judge] = []
    for part in parts:
        spec = registry.select("metric", part.name).spec
        lacking = sorted(spec.capabilities - has)
        if lacking:
            reason = why.get(lacking[0], f"no sentence brings `{lacking[0]}`")
            if named:
                raise UserError(f"metric '{part.name}' needs {', '.join(lacking)}: {reason}")
            note(f"metric '{part.name}' is left out: {reason}")
            continue
        metrics.append(_judge(part, registry, device))
    if not metrics:
        raise UserError("no metric can be computed for these sentences. See the notes above, or name one with --metric")
    _check_names(metrics)
    needed = frozenset().union(*(judge.needs for judge in metrics))
    return Judges(
        metrics=tuple(metrics),
        words=words if isinstance(words, Listener) and needed & OF_WORDS else None,
        phones=phones if isinstance(phones, Listener) and needed & OF_PHONES else None,
    )


def _all_metrics(registry: Registry, note: Callable[[str], None]) -> Iterable[Part]:
    for entry in sorted(
        registry.entries("metric"), key=lambda one: (*(one.name not in some for some in FIRST), one.name)
    ):
        if entry.status == "ok":
            yield _default("metric", entry.name, registry)
        elif entry.status != "disabled":
            note(f"metric '{entry.name}' is left out: {entry.why}. {entry.hint}".rstrip(". "))


def _with(part: Part, usual: Mapping[str, Any]) -> Part:
    names = {field.name for field in dataclasses.fields(part.options)}
    own = {name: value for name, value in usual.items() if name in names}
    return Part(part.name, dataclasses.replace(part.options, **own))


def _default(kind: str, name: str, registry: Registry) -> Part:
    return resolve(Schema(slots=(Slot("one", kind, name),)), registry).part("one")


def _listener(slot: str, usual: str, resolved: Resolved, registry: Registry, device: torch.device) -> Listener | str:
    """The recognizer of a slot, or why there is none."""
    if resolved.parts[slot]:
        return _listening(resolved.part(slot), registry, device)
    entry = next((entry for entry in registry.entries("recognizer") if entry.name == usual), None)
    if entry is not None and entry.status == "ok":
        return _listening(_default("recognizer", usual, registry), registry, device)
    why = f"{entry.why}. {entry.hint}" if entry else f"no plugin '{usual}'"
    return f"recognizer '{usual}' cannot be used: {why}".rstrip(". ")


def _listening(part: Part, registry: Registry, device: torch.device) -> Listener:
    own, selected = _selected("recognizer", part, registry, device)
    recognizer: Recognizer = build(selected, part.options, device=own)
    more = recognizer.identity() if isinstance(recognizer, KnowsItself) else {}
    identity = {**_identity(selected, part), **more}
    return Listener(name=selected.name, recognizer=recognizer, device=own, identity=identity)


def _judge(part: Part, registry: Registry, device: torch.device) -> Judge:
    own, selected = _selected("metric", part, registry, device)
    metric = build(selected, part.options, device=own)
    return Judge(
        name=selected.name,
        metric=metric,
        needs=selected.spec.capabilities,
        identity={**_identity(selected, part), **metric.identity()},
    )


def _selected(kind: str, part: Part, registry: Registry, device: torch.device) -> tuple[torch.device, Any]:
    """Device and plugin; the CPU where it runs on nothing else."""
    devices = registry.select(kind, part.name).spec.devices
    own = device if device.type in devices else torch.device("cpu")
    (selected,) = preflight(registry, {kind: (kind, (part.name,))}, device=own.type)[kind]
    return own, selected


def _identity(selected: Any, part: Part) -> dict[str, str]:
    """Plugin with its distribution's version, and the options that are not at their default."""
    identity = {"plugin": f"{selected.entry.name} ({selected.entry.owner})"}
    for field in dataclasses.fields(part.options):
        value = getattr(part.options, field.name)
        if value != field.default:
            identity[f"option {field.name}"] = str(value)
    return identity


def _check_names(metrics: Sequence[Judge]) -> None:
    owners: dict[str, str] = {}
    for judge in metrics:
        for figure in judge.metric.figures:
            if figure.name in owners:
                both = f"'{owners[figure.name]}' and '{judge.name}'"
                raise UserError(f"metrics {both} give the same figure '{figure.name}'. Name one of them")
            owners[figure.name] = judge.name
