"""What the doctor says about specs."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest

from valle_cli.doctor.finding import Finding, worst_first
from valle_cli.doctor.probe import Probed, probe
from valle_cli.doctor.specs import import_findings, option_findings, status_findings, word_findings
from valle_core.plugin import PluginSpec
from valle_core.registry.catalog import Entry
from valle_core.registry.kinds import ROWS, kind_named
from valle_core.registry.scan import Found


def entry(name: str, status="ok", kind="arch", why="", spec=None) -> Entry:
    return Entry(
        kind=kind_named(kind),
        name=name,
        distribution="acme",
        version="1.0",
        status=status,
        why=why,
        hint="m",
        spec=spec,
    )


def spec(**more) -> PluginSpec:
    return PluginSpec(kind="arch", name="a", api=1, summary="", factory="a:b", options="a:c", **more)


def announced(value: str) -> Found:
    return Found("valle.arch", "odd", value, "acme", "1.0")


def test_plugins_with_one_reason_share_a_line():
    entries = [entry("a", "broken", why="bang"), entry("b", "broken", why="bang"), entry("c", "conflict", why="two")]
    lines = [(one.severity, one.line()) for one in status_findings(entries)]
    assert lines[:2] == [
        ("problem", "arch 'a', arch 'b' (acme 1.0): broken: bang -> m"),
        ("warning", "arch 'c' (acme 1.0): conflict: two -> m"),
    ]


def test_a_plugin_one_api_number_behind_is_a_warning():
    (first, _) = status_findings(
        [entry("a", why="written for arch API 1, this valle-core has 2; works until the next")]
    )
    assert (first.severity, "written for arch API 1" in first.text) == ("warning", True)


def test_what_is_switched_off_is_a_note_and_what_is_well_is_one_line():
    entries = [entry("a", "disabled", why="listed"), entry("b"), entry("c", "not-installed")]
    assert [(one.severity, one.line()) for one in status_findings(entries)] == [
        ("note", "arch 'a': disabled: listed"),
        ("ok", "plugins: 1 can be used, of 1 distributions; 1 first-party ones are not installed"),
    ]


def test_unknown_words_are_told_with_the_nearest():
    odd = spec(capabilities=frozenset({"widnow"}), needs={"attention": frozenset({"fulll"}), "atention": frozenset()})
    lines = [one.line() for one in word_findings([entry("a", spec=odd)], ROWS)]
    assert lines == [
        "arch 'a' (acme 1.0): declares capability 'widnow', which kind arch does not know "
        "-> did its authors mean 'window'?",
        "arch 'a' (acme 1.0): needs attention with 'fulll', which that kind does not know "
        "-> did its authors mean 'full'?",
        "arch 'a' (acme 1.0): needs a plugin of kind 'atention', which there is not "
        "-> did its authors mean 'attention'?",
    ]


def test_known_words_and_those_a_kind_owes_give_nothing():
    good = spec(capabilities=frozenset({"window", "causal"}), needs={"attention": frozenset({"causal", "window"})})
    assert list(word_findings([entry("a", spec=good)], ROWS)) == []


def test_slow_and_deadly_imports_are_named():
    probed = [
        Probed(found=announced("quick:SPEC"), ms=3.0),
        Probed(found=announced("slow:SPEC"), ms=140.0),
        Probed(found=announced("deadly:SPEC"), ms=0.0, deadly="ends the interpreter"),
    ]
    slow, deadly, every = import_findings(probed)
    assert (slow.severity, "its import takes 140 ms" in slow.text) == ("warning", True)
    assert (deadly.severity, deadly.subject) == ("problem", "deadly (acme 1.0)")
    assert every.line() == "specs: 3 are imported in 143 ms"


def test_a_spec_that_ends_its_interpreter_is_named_and_the_next_ones_are_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "probe_good.py").write_text("import time\ntime.sleep(0.02)\nprint(5)\nSPEC = 1")
    (tmp_path / "probe_deadly.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    (tmp_path / "probe_bad.py").write_text("import os\nos.write(1, b'7')\nraise ValueError")
    values = ["probe_good:SPEC", "probe_deadly:SPEC", "probe_bad:SPEC"]
    good, deadly, bad = probe([announced(value) for value in values])
    assert good.ms > 20
    assert deadly.deadly == "ends the interpreter when imported (exit code -9)"
    assert (good.deadly, bad.deadly) == ("", "")


def test_findings_are_sorted_worst_first_and_otherwise_stay():
    findings = [Finding(severity=severity, subject=str(index), text="") for index, severity in
                enumerate(("ok", "warning", "problem", "note", "problem"))]  # fmt: skip
    assert [one.subject for one in worst_first(findings)] == ["2", "4", "1", "3", "0"]


@dataclass(frozen=True, kw_only=True)
class Bare:
    """Options that cannot be made from nothing."""

    width: int
    depth: int = 3


@dataclass(frozen=True, kw_only=True)
class Impossible:
    """Options whose defaults are refused."""

    p: float = 2.0

    def __post_init__(self):
        raise ValueError("p must be in [0, 1], got 2.0")


@dataclass(frozen=True)
class Fine:
    """No options."""


def make_backbone(options, *, attention):
    """A factory."""


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        ("make_backbon", "Fine", "make_backbon cannot be loaded: AttributeError"),
        ("make_backbon", "Fine", f"Did they mean '{__name__}:make_backbone'?"),
        ("__doc__", "Fine", "__doc__ is a str, which cannot be called"),
        ("make_backbone", "Bare", "its options Bare have no default for width; every option needs one"),
        ("make_backbone", "Impossible", "cannot be made from their defaults: ValueError: p must be in [0, 1], got 2.0"),
    ],
)
def test_factories_and_options_that_only_a_run_would_find_are_told(monkeypatch, factory, options, message):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    one = spec_of(factory, options)
    (found,) = option_findings([entry("a", spec=one)])
    assert found.severity == "problem"
    assert message in found.line()
    assert found.line().endswith("-> tell the authors of acme")


def test_a_factory_and_options_that_are_there_give_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
    assert list(option_findings([entry("a", spec=spec_of("make_backbone", "Fine"))])) == []


def spec_of(factory: str, options: str) -> PluginSpec:
    return PluginSpec(
        kind="arch", name="a", api=1, summary="", factory=f"{__name__}:{factory}", options=f"{__name__}:{options}"
    )


def _this():
    """This file as a module that a spec can name."""
    module = types.ModuleType(__name__)
    vars(module).update(globals())
    return module
