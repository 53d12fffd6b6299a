"""The runner of the suites: verdicts, floors, expected failures, and the sentences it quotes."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict, replace
from importlib import import_module

import pytest
import torch

from valle_core import interfaces, plugin, types
from valle_core.plugin import PluginSpec, UserError
from valle_core.registry import hooks
from valle_testing import suite
from valle_testing.contract import sentence_of
from valle_testing.fakes.audio import FakeCodec, FakeFrontend
from valle_testing.kinds import every_kind

SPEC = PluginSpec(
    kind="codec",
    name="fake",
    api=1,
    summary="",
    factory="a:b",
    options="a:c",
    capabilities=frozenset({"codebooks"}),
)


class Short(FakeCodec):
    """Gives one frame too few."""

    def encode(self, wav, lengths):
        codes, frames = super().encode(wav, lengths)
        return codes[:, :-1], (frames - 1).clamp(min=0)


def expecting(**reasons: str) -> PluginSpec:
    return replace(SPEC, expected_failures=reasons)


def words(text: str) -> str:
    return " ".join(text.split())


def test_every_kind_has_a_suite_and_a_floor_it_can_reach():
    for kind in (row for row in every_kind() if row.suite):
        assert 0.75 * len(suite.checks_of(kind.name)) <= kind.floor <= len(suite.checks_of(kind.name)), kind.name


def docstring_of(owner: str) -> str:
    """Of a class or method of the contract; a name that stands for several classes has the text behind it."""
    first, _, method = owner.partition(".")
    contracts = [import_module(row.interface.partition(":")[0]) for row in every_kind() if row.interface]
    found = next(vars(module)[first] for module in (*contracts, types, plugin, hooks) if first in vars(module))
    if isinstance(found, type):
        return (getattr(found, method) if method else found).__doc__ or ""
    return inspect.getsource(interfaces).partition(f"\n{first} = ")[2].split('"""')[1]


@pytest.mark.parametrize("kind", [row.name for row in [row for row in every_kind() if row.suite]])
def test_each_check_quotes_a_sentence_that_the_docstring_of_its_owner_says(kind):
    for check in suite.checks_of(kind, SPEC):
        sentence = vars(check)["contract"]
        assert words(sentence.words) in words(docstring_of(sentence.owner)), f"{check.__name__} quotes {sentence}"
        assert sentence_of(check).startswith(sentence.owner)


@pytest.mark.parametrize("kind", [row.name for row in every_kind() if row.suite and row.spec is PluginSpec])
def test_a_word_the_kind_does_not_know_is_a_finding(kind):
    spec = replace(SPEC, kind=kind, capabilities=frozenset({"streeming"}))
    (outcome,) = suite.run(kind, FakeCodec, spec=spec, only=("declares_words_of_its_kind",)).outcomes
    assert outcome.verdict == "failed"
    assert outcome.found.startswith(f"it declares streeming; {kind} knows ")


def test_a_finding_carries_its_sentence_as_a_note():
    (check,) = [check for check in suite.checks_of("codec") if check.__name__ == "gives_every_frame"]
    with pytest.raises(AssertionError, match="1 samples give") as caught:
        check(Short)
    assert caught.value.__notes__ == ["contract: Codec.encode: “Codes and frames = ⌈lengths / hop⌉ of each row”"]


def test_the_report_counts_and_shows_what_was_found_and_the_contract():
    report = suite.run("codec", Short, spec=SPEC)
    assert not report.ok
    table = report.table()
    assert "gives_every_frame             failed" in table
    assert "found     1 samples give [0] frames, expected 1" in table
    assert "contract  Codec.encode: “Codes and frames" in table
    assert report.summary in table
    assert sum(map(report.count, ("passed", "failed", "skipped", "expected-fail"))) == len(report.outcomes)


def test_what_a_plugin_raises_is_a_finding_and_the_other_checks_go_on():
    def broken():
        raise SystemExit(3)

    report = suite.run("codec", broken)
    assert report.count("failed") == len(report.outcomes) - 1, "all but the watch over the process"
    assert report.outcomes[0].found == "raised SystemExit: 3"


def test_an_expected_failure_is_counted_apart_with_its_reason():
    names = [one.check for one in suite.run("codec", Short, spec=SPEC).outcomes if one.verdict == "failed"]
    report = suite.run("codec", Short, spec=expecting(**dict.fromkeys(names, "frames are lost on purpose")))
    assert report.count("failed") == 0
    assert report.count("expected-fail") == len(names)
    assert "expected-fail  frames are lost on purpose" in report.table()


def test_a_check_that_holds_against_expectation_is_a_failure():
    report = suite.run("codec", FakeCodec, spec=expecting(writes_nothing="it writes"))
    assert not report.ok
    assert report.count("unexpected-pass") == 1
    assert "it holds although the spec expects it to fail (it writes); remove that" in report.table()


def test_too_few_that_pass_are_a_failure_though_all_were_expected():
    def broken():
        raise RuntimeError("no")

    reasons = {check.__name__: "broken" for check in suite.checks_of("codec", SPEC)}
    report = suite.run("codec", broken, spec=expecting(**reasons))
    assert report.count("failed") == 0
    assert not report.ok
    assert "floor 21 NOT REACHED" in report.summary


@pytest.mark.parametrize(
    ("reasons", "message"),
    [({"no_such_check": "why"}, "'no_such_check' is not a check"), ({"writes_nothing": " "}, "has no reason")],
)
def test_expected_failures_that_mean_nothing_are_refused(reasons, message):
    with pytest.raises(UserError, match=message):
        suite.run("codec", FakeCodec, spec=expecting(**reasons))


test_a_codec_through_pytest = suite.conformance("codec", FakeCodec, spec=SPEC)
test_a_frontend_through_pytest = suite.conformance("frontend", FakeFrontend)


def test_the_pytest_form_fails_with_finding_and_contract_and_below_the_floor():
    case = suite.conformance("codec", Short)
    with pytest.raises(AssertionError, match=r"1 samples give \[0\] frames.*\n.*Codec.encode"):
        case("gives_every_frame")
    with pytest.raises(AssertionError, match="passed, at least 21 must"):
        suite.conformance("codec", lambda: 3)("floor")


def test_the_pytest_form_skips_and_expects_failures():
    with pytest.raises(pytest.skip.Exception, match="symbols"):
        suite.conformance("frontend", FakeFrontend)("emits_only_its_symbols")
    case = suite.conformance("codec", Short, spec=expecting(gives_every_frame="on purpose"))
    with pytest.raises(pytest.xfail.Exception, match="on purpose"):
        case("gives_every_frame")


def test_arch_and_attention_run_through_the_same_runner():
    def wrong(q, k, v, mask, *, scale=None):
        return torch.zeros_like(q)

    report = suite.run("attention", wrong, frozenset())
    failed = [outcome.check for outcome in report.outcomes if outcome.verdict == "failed"]
    assert "equals_the_rule" in failed
    assert "refuses_what_it_does_not_declare" in failed
    assert suite.run("arch", lambda: 3).count("failed") == len(suite.checks_of("arch")) - 1


def test_a_report_can_be_written_as_json():
    report = suite.run("codec", FakeCodec, spec=SPEC, only=("writes_nothing",))
    assert [one.check for one in report.outcomes] == ["writes_nothing"]
    assert json.loads(json.dumps(asdict(report)))["outcomes"][0]["verdict"] == "passed"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (replace(SPEC, name="other"), "identity is of 'fake', the spec of 'other'"),
        (replace(SPEC, capabilities=frozenset()), "codebooks are there and not declared"),
    ],
)
def test_a_codec_that_is_not_what_its_spec_says_is_caught(spec, message):
    (outcome,) = suite.run("codec", FakeCodec, spec=spec, only=("is_what_its_spec_says",)).outcomes
    assert (outcome.verdict, outcome.found) == ("failed", message)
