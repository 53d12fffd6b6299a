"""Runs the conformance checks of a kind on one plugin, and counts: passed, failed, skipped, expected to fail.

from valle_testing import suite

test_it_conforms = suite.conformance("codec", lambda: MyCodec(MyOptions()), spec=SPEC)   # pytest: one test per check
print(suite.run("codec", lambda: MyCodec(MyOptions()), spec=SPEC).table())         # anywhere else

Checks of what an option does (of kind arch) give it to the function that builds: `lambda **changes: …`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from unittest import SkipTest

from valle_core.plugin import CommandSpec, HookSpec, PluginSpec, UserError
from valle_core.registry.loading import one_line
from valle_testing import watch
from valle_testing.contract import contract, sentence_of
from valle_testing.kinds import kind_of

Spec = PluginSpec | CommandSpec | HookSpec
Verdict = Literal["passed", "failed", "skipped", "expected-fail", "unexpected-pass"]


@contract("PluginSpec", "words of the kind's contract it declares")
def declares_words_of_its_kind(given: object, spec: PluginSpec, **how: Any) -> None:
    """No word that the kind does not know: a misspelt one would promise nothing, and nothing would hold it."""
    kind = kind_of(spec.kind)
    known = kind.owed | kind.words
    strange = sorted(spec.capabilities - known)
    assert not strange, f"it declares {', '.join(strange)}; {spec.kind} knows {', '.join(sorted(known)) or 'no words'}"


EVERY_SPEC: tuple[Callable[..., None], ...] = (declares_words_of_its_kind,)
"""Run for every kind whose plugins have a `PluginSpec`, where it is given."""


@contract("PluginSpec", "leaves the process as it was")
def leaves_the_process_alone(changed: dict[str, list[str]]) -> None:
    """Settings of torch, numpy and Python, environment and random states, watched around every check from its start."""
    assert not changed, f"it changes {watch.in_words(dict(changed))}"


PROCESS = sentence_of(leaves_the_process_alone)
DRAWING = frozenset({"arch", "rewrite", "alignment"})
"""Kinds that may draw torch's random numbers (dropout, fresh weights); others draw at most while they are built."""
OWN_PROCESS = frozenset({"command"})
"""Kinds that have the process for themselves and may change its settings."""
DETERMINISM = frozenset({"repeats_itself", "has_no_dropout_in_eval", "draws_by_its_rng_alone", "forgets_earlier_audio"})
"""Checks that stand first: where one fails, what others compare may differ for that reason alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one check gave.

    Attributes:
        check: its name.
        verdict: what came of it.
        found: what was found wrong, why it was skipped, or the reason the spec gives for a failure.
        contract: the sentence it enforces.
    """

    check: str
    verdict: Verdict
    found: str
    contract: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcomes of a suite.

    Attributes:
        kind: of plugin.
        name: of the plugin.
        outcomes: one per check.
        floor: checks that must have passed.
    """

    kind: str
    name: str
    outcomes: tuple[Outcome, ...]
    floor: int

    @property
    def ok(self) -> bool:
        """No check failed or passed against expectation, and enough passed."""
        return not self.count("failed") and not self.count("unexpected-pass") and self.count("passed") >= self.floor

    def count(self, verdict: Verdict) -> int:
        """Checks with this verdict."""
        return sum(outcome.verdict == verdict for outcome in self.outcomes)

    @property
    def summary(self) -> str:
        """One line of counts."""
        ran = len(self.outcomes) - self.count("skipped")
        failed = self.count("failed") + self.count("unexpected-pass")
        below = "" if self.count("passed") >= self.floor else " NOT REACHED"
        return (
            f"{self.kind} '{self.name}': {ran} ran, {self.count('passed')} passed, {failed} failed, "
            f"{self.count('expected-fail')} expected-fail, {self.count('skipped')} skipped (floor {self.floor}{below})"
        )

    def table(self) -> str:
        """One line per check, what was found and what the contract says below those that failed, then the counts."""
        width = max((len(outcome.check) for outcome in self.outcomes), default=0)
        lines = []
        for outcome in self.outcomes:
            note = outcome.found if outcome.verdict in ("skipped", "expected-fail") else ""
            lines.append(f"{outcome.check:<{width}}  {outcome.verdict}  {note}".rstrip())
            if outcome.verdict in ("failed", "unexpected-pass"):
                lines += [f"    found     {outcome.found}", f"    contract  {outcome.contract}"]
        return "\n".join([*lines, self.summary])


def checks_of(kind: str, spec: Spec | None = None) -> tuple[Callable[..., None], ...]:
    """The checks of a kind; with a spec, those that compare the object with it too."""
    module = importlib.import_module(kind_of(kind).suite)
    always = module.CHECKS if kind in OWN_PROCESS else (*module.CHECKS, leaves_the_process_alone)
    if spec is None:
        return always
    return (*always, *getattr(module, "SPEC_CHECKS", ()), *(EVERY_SPEC if kind_of(kind).spec is PluginSpec else ()))


def run(
    kind: str,
    *given: Any,
    spec: Spec | None = None,
    only: Collection[str] = (),
    before: Sequence[str] = (),
    **how: Any,
) -> Report:
    """Run every check of a kind.

    Args:
        kind: row of the table of kinds.
        given: what its checks take: a function that builds the object; for attention the kernel and its capabilities.
        spec: the plugin's, for its name, its expected failures and the checks that compare the object with it.
        only: names of checks to run, all where it is empty.
        before: what the plugin changed in the process before its checks began.
        how: more of what the checks take, those of the spec too, e.g. `device="cuda"`.

    Raises:
        UserError: an expected failure names no check of the kind, or has no reason.
    """
    reasons = _expected(kind, spec)
    last = leaves_the_process_alone.__name__
    alone = set(only) == {last}
    changed: dict[str, list[str]] = {"building it": list(before)} if before else {}
    outcomes: list[Outcome] = []
    for check in checks_of(kind, spec):
        name = check.__name__
        if name == last or (only and not alone and name not in only):
            continue
        found = _outcome(kind, check, given, spec, how, reasons.get(name), changed)
        outcomes.append(_doubted(found, outcomes))
        if alone and changed:
            break
    outcomes = [] if alone else outcomes
    if kind not in OWN_PROCESS and (not only or last in only):
        outcomes.append(_outcome("", leaves_the_process_alone, (changed,), None, {}, reasons.get(last), {}))
    return Report(kind=kind, name=spec.name if spec else "", outcomes=tuple(outcomes), floor=kind_of(kind).floor)


def conformance(
    kind: str, *given: Any, spec: Spec | None = None, slow: Collection[str] = (), **how: Any
) -> Callable[[str], None]:
    """A test function for pytest: one case per check, and one that counts. Takes what `run` takes.

    Expected failures of the spec must fail, with its reason; the test `floor` fails when too few checks passed.
    The checks named in `slow` get the mark of that name, for projects whose usual run leaves it out.
    """
    import pytest

    reasons = _expected(kind, spec)
    checks = {check.__name__: check for check in checks_of(kind, spec)}
    done: dict[str, Verdict] = {}
    changed: dict[str, list[str]] = {}
    last = leaves_the_process_alone.__name__

    def outcome(name: str) -> Outcome:
        if name == last:
            if not done:  # selected by itself
                outcome(next(iter(checks)))
            found = _outcome("", checks[name], (changed,), None, {}, reasons.get(name), {})
        else:
            found = _outcome(kind, checks[name], given, spec, how, reasons.get(name), changed)
        done[name] = found.verdict
        return found

    marked = [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in checks]

    @pytest.mark.parametrize("check", [*marked, "floor"])
    def test_it_conforms(check: str) -> None:
        if check == "floor":
            passed = sum(verdict == "passed" for verdict in done.values())
            for name in checks:  # a worker or a selection may not have run them
                if passed < kind_of(kind).floor and name not in done:
                    passed += outcome(name).verdict == "passed"
            assert passed >= kind_of(kind).floor, (
                f"{passed} checks of kind {kind} passed, at least {kind_of(kind).floor} must"
            )
            return
        found = outcome(check)
        if found.verdict == "skipped":
            pytest.skip(found.found)
        if found.verdict == "expected-fail":
            pytest.xfail(found.found)
        assert found.verdict == "passed", f"{found.found}\ncontract: {found.contract}"
        here = {check: changed[check]} if check in changed and kind not in OWN_PROCESS else {}
        assert not here or last in reasons, f"it changes {watch.in_words(dict(here))}\ncontract: {PROCESS}"

    return test_it_conforms


def _expected(kind: str, spec: Spec | None) -> Mapping[str, str]:
    reasons = spec.expected_failures if isinstance(spec, PluginSpec) else {}
    names = [check.__name__ for check in checks_of(kind, spec)]
    for name, reason in reasons.items():
        if name not in names:
            raise UserError(f"expected failure '{name}' is not a check of kind {kind}. Checks: {', '.join(names)}")
        if not reason.strip():
            raise UserError(f"expected failure '{name}' of kind {kind} has no reason. Give one in the spec")
    return reasons


def _outcome(
    kind: str,
    check: Callable[..., None],
    given: tuple[Any, ...],
    spec: Spec | None,
    how: Mapping[str, Any],
    reason: str | None,
    changed: dict[str, list[str]],
) -> Outcome:
    """What a check gives; what the process is left with goes into `changed`, by the name of the check."""
    compares = spec is not None and check not in checks_of(kind)
    verdict: Verdict = "passed"
    found = ""
    left: list[str] = []
    try:
        with watch.watched(left, may_draw=kind in DRAWING) as watching:
            if kind and kind != "attention" and given:
                given = (watching.building(given[0]), *given[1:])
            if compares:
                check(given[0], spec, **how)
            else:
                check(*given, **how)
    except SkipTest as skip:
        verdict, found = "skipped", str(skip)
    except AssertionError as error:
        verdict, found = "failed", str(error) or "an assertion failed"
        left += error.changed if isinstance(error, watch.Reseeded) else []
    except (Exception, SystemExit) as error:
        verdict, found = "failed", f"raised {one_line(error)}"
    if left:
        changed[check.__name__] = left
    if reason is not None and verdict == "failed":
        verdict, found = "expected-fail", reason
    elif reason is not None and verdict == "passed":
        verdict, found = "unexpected-pass", f"it holds although the spec expects it to fail ({reason}); remove that"
    return Outcome(check=check.__name__, verdict=verdict, found=found, contract=sentence_of(check))


def _doubted(found: Outcome, before: Sequence[Outcome]) -> Outcome:
    """Says with a failure that the plugin does not even repeat itself, where that was found before."""
    unsteady = [one.check for one in before if one.verdict == "failed" and one.check in DETERMINISM]
    if found.verdict != "failed" or not unsteady:
        return found
    return replace(found, found=f"{found.found} (it does not repeat itself: see {unsteady[0]} first)")
