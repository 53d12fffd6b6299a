"""What a spec module does while it is imported stays with it."""

from __future__ import annotations

import signal
import sys
import threading
import warnings

import pytest

from valle_core.registry import guard
from valle_core.registry.registry import Registry


def status(name="odd", kind="arch"):
    (entry,) = [entry for entry in Registry.open(environ={}).entries(kind) if entry.name == name]
    return entry


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("def f(): f()\nf()", "RecursionError: "),
        ("raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        ("raise GeneratorExit('odd')", "GeneratorExit: odd"),
        ("class Own(BaseException): pass\nraise Own('mine')", "Own: mine"),
    ],
)
def test_what_no_spec_may_do_makes_it_broken(site, before, why):
    site.plugin("acme", "odd", before=before)
    entry = status()
    assert entry.status == "broken"
    assert why in entry.why


def test_output_warnings_and_changes_of_the_path_do_not_reach_the_caller(site, capfd):
    site.plugin(
        "acme",
        "odd",
        before="import sys, warnings\nprint('noise')\nprint('noise', file=sys.stderr)\n"
        "warnings.simplefilter('error')\nsys.path.insert(0, 'nowhere')\nsys.stdout.close()",
    )
    path, filters = list(sys.path), list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert status().status == "ok"
    assert caught == []
    assert (sys.path, warnings.filters) == (path, filters)
    assert capfd.readouterr() == ("", "")


def test_a_spec_that_never_finishes_is_given_up(site, monkeypatch):
    monkeypatch.setattr(guard, "LIMIT_S", 0.2)
    site.plugin("acme", "odd", before="import time\ntime.sleep(60)")
    entry = status()
    assert entry.status == "broken"
    assert "takes more than 0.2 s to import" in entry.why
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_slow_spec_within_the_limit_is_fine_and_leaves_no_alarm(site):
    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    site.plugin("acme", "odd", before="import time\ntime.sleep(0.05)")
    assert status().status == "ok"
    assert (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.fixture
def listening():
    """A shell that started the tests in the background made them deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_process_that_ignores_ctrl_c_takes_no_spec_for_it(site, listening):
    site.plugin("acme", "odd", before="raise KeyboardInterrupt")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    entry = status()
    assert (entry.status, "raised KeyboardInterrupt" in entry.why) == ("broken", True)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_ctrl_c_during_an_import_is_not_swallowed_and_says_whose_it_was(site, listening):
    site.plugin("acme", "odd", before="import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt, match=r"arch 'odd' \(acme 1.0\); VALLE_DISABLE_PLUGINS=odd leaves it out"):
        status()


def test_specs_are_imported_in_other_threads_too(site):
    site.plugin("acme", "odd", before="raise GeneratorExit")
    found = []
    thread = threading.Thread(target=lambda: found.append(status()))
    thread.start()
    thread.join()
    assert found[0].status == "broken"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def __getattr__(name): raise RuntimeError('not today')", "RuntimeError: not today"),
        (
            "from valle_core.plugin import PluginSpec\nclass Sub(PluginSpec):\n"
            "    def __getattribute__(self, name): raise RuntimeError\nSPEC = object.__new__(Sub)",
            "is a Sub, expected a PluginSpec",
        ),
        ("from valle_core.plugin import PluginSpec\nSPEC = object.__new__(PluginSpec)", "cannot be read"),
    ],
)
def test_a_spec_whose_attributes_raise_is_broken(site, source, why):
    site.add("acme", {"valle.arch": {"odd": "acme_odd:SPEC"}}, acme_odd=source)
    entry = status()
    assert entry.status == "broken"
    assert why in entry.why


@pytest.mark.parametrize("value", ["acme", "", "acme odd", "acme:", ":SPEC", ".acme:SPEC", "a..b:SPEC", "acme::SPEC"])
def test_an_entry_point_with_a_malformed_value_is_broken(site, value):
    site.add("acme", {"valle.arch": {"odd": value}})
    entry = status()
    assert entry.status == "broken"
    assert entry.why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("devices=(1,)", "expected strings in it"),
        ("capabilities=frozenset({1, 'a'})", "expected strings in it"),
        ("needs={'attention': 'full'}", "expected a set of strings for each kind"),
        ("requires=(Requirement(module=1, hint=''),)", "expected Requirement objects"),
    ],
)
def test_a_slip_inside_a_field_is_told_to_the_author(site, more, why):
    site.plugin("acme", "odd", more=more)
    assert why in status().why


def test_metadata_that_is_not_utf8_is_read_all_the_same(site):
    site.plugin("acme", "odd")
    (info,) = site.folder.glob("*.dist-info")
    (info / "METADATA").write_bytes("Name: acme\nVersion: 1.0\nAuthor: J\xfcrgen\n\n".encode("latin-1"))
    text = (info / "entry_points.txt").read_text()
    (info / "entry_points.txt").write_bytes(f"# \xfc\n{text}".encode("latin-1"))
    assert (status().status, status().owner) == ("ok", "acme 1.0")
