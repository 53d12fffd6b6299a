"""What `valle plugins doctor` prints and how it ends."""

from __future__ import annotations

import json

import pytest

HOOKS = """
from valle_core.plugin import HookSpec
from valle_core.registry.hooks import hookimpl
def spec(name):
    return HookSpec(name=name, api=1, summary="s", plugin="acme_hooks:" + name)
FIRST, SECOND, TYPO, ODD = map(spec, ("first", "second", "typo", "odd"))
class Audio:
    @hookimpl
    def after_audio(self, wav): ...
class Checks(Audio):
    @hookimpl
    def doctor_checks(self):
        return [("weights", lambda: ""), ("disk", lambda: "the disk is full; make room"), ("bad", lambda: 1 / 0),
                ("number", lambda: 3)]
class Typo:
    @hookimpl
    def after_aduio(self, wav): ...
class Odd:
    @hookimpl
    def doctor_checks(self):
        return "no pairs"
first, second, typo, odd = Checks(), Audio(), Typo(), Odd()
"""
SPECS = """
from valle_core.plugin import PluginSpec
def spec(name, **more):
    return PluginSpec(kind="arch", name=name, api=1, summary="s", factory="acme_specs:x", options="acme_specs:Options",
                      **more)
class Options: pass
WORDY, NAMED = spec("wordy", capabilities=frozenset({"widnow"})), spec("named")
"""


@pytest.fixture
def examine(valle):
    def examine(*argv: str) -> tuple[int, dict[str, str]]:
        """(exit code, line → severity)"""
        code, out, err = valle(*argv, "plugins", "doctor", "--json")
        assert err == ""
        report = json.loads(out)
        assert report["ok"] is (code == 0)
        return code, {f"{one['subject']}: {one['text']}": one["severity"] for one in report["findings"]}

    return examine


def severity(lines: dict[str, str], words: str) -> str:
    (found,) = [value for line, value in lines.items() if words in line]
    return found


def test_an_installation_that_is_well_is_short_and_ends_with_0(valle):
    code, out, err = valle("plugins", "doctor")
    lines = [line for line in out.splitlines() if ": unavailable: " not in line]  # what is an extra may be missing
    assert (code, err) == (0, "")
    assert len(lines) <= 7
    assert any(line.startswith("ok       machine: python 3.1") and "device auto is" in line for line in lines)
    assert any(line.startswith("ok       defaults: ") and "attention sdpa" in line for line in lines)


def test_hooks_their_order_typos_and_checks_are_told(examine, install):
    names = {name: f"acme_hooks:{name.upper()}" for name in ("first", "second", "typo", "odd")}
    install("acme", {"valle.hooks": names}, acme_hooks=HOOKS)
    code, lines = examine()
    assert code == 1
    assert severity(lines, "audio: passes the hooks second → first before it leaves") == "note"
    assert severity(lines, "there is no hook 'after_aduio'") == "problem"
    assert severity(lines, "check 'disk': the disk is full; make room") == "problem"
    assert severity(lines, "check 'bad': failed: ZeroDivisionError") == "problem"
    assert severity(lines, "check 'number': gave a int") == "problem"
    assert severity(lines, "doctor_checks gave no (name, check) pairs") == "problem"
    assert severity(lines, "checks of plugins: 1 found nothing") == "ok"


def test_specs_are_looked_over(examine, install):
    install("acme", {"valle.arch": {"wordy": "acme_specs:WORDY", "named": "acme_specs:NAMED"}}, acme_specs=SPECS)
    code, lines = examine()
    assert code == 1
    assert severity(lines, "declares capability 'widnow', which kind arch does not know") == "warning"
    assert severity(lines, "arch 'named' (acme 1.0) is broken: its options acme_specs:Options are not") == "problem"


def test_a_spec_that_kills_the_process_is_named_and_does_not_kill_the_doctor(examine, install):
    deadly = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    install("acme", {"valle.arch": {"deadly": "acme_deadly:SPEC"}}, acme_deadly=deadly)
    code, lines = examine()
    assert code == 1
    assert severity(lines, "acme_deadly (acme 1.0): ends the interpreter when imported") == "problem"


def test_defaults_that_cannot_be_used_are_a_warning_for_each_command(examine, monkeypatch):
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", "sdpa")
    code, lines = examine()
    assert code == 0
    assert severity(lines, "valle train: its default cannot be used: attention 'sdpa'") == "warning"
    assert severity(lines, "attention 'sdpa': disabled: listed in VALLE_DISABLE_PLUGINS") == "note"


def test_commands_of_others_are_looked_over_as_ours_are(examine, install):
    source = "from valle_core.api import CommandSpec, Schema, Slot\ndef spec(name, run, schema='acme_words:SCHEMA'):\n"
    source += "    return CommandSpec(name=name, api=2, summary='s', run=run, schema=schema)\n"
    source += "LOST, FINE = spec('lost', 'acme_words:nothing'), spec('acme fine', 'acme_words:spec')\n"
    source += "SCHEMA = Schema((Slot('codec', 'codec', 'nobody'),))\n"
    install("acme", {"valle.commands": {"lost": "acme_words:LOST", "acme fine": "acme_words:FINE"}}, acme_words=source)
    code, lines = examine()
    assert code == 1
    assert severity(lines, "command 'lost' (acme 1.0) is broken: AttributeError") == "problem"
    assert severity(lines, "valle acme fine: its default cannot be used: there is no codec 'nobody'") == "warning"


def test_safe_looks_over_what_is_first_party(examine, install):
    install("acme", {"valle.arch": {"mine": "acme_mine:SPEC"}}, acme_mine="raise RuntimeError")
    code, lines = examine("--safe")
    assert code == 0
    assert severity(lines, "arch 'mine': disabled: --safe allows first-party plugins only") == "note"
    assert severity(lines, "defaults: ") == "ok"


def test_what_is_switched_off_is_not_imported(examine, install, tmp_path, monkeypatch):
    trace = tmp_path / "imported"
    install("acme", {"valle.arch": {"mine": "acme_mine:SPEC"}}, acme_mine=f"open({str(trace)!r}, 'w')")
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", "mine nobody")
    _, lines = examine()
    assert severity(lines, "VALLE_DISABLE_PLUGINS: names 'nobody', which is not an installed plugin") == "warning"
    monkeypatch.delenv("VALLE_DISABLE_PLUGINS")
    examine("--safe")
    assert not trace.exists()
    examine()
    assert trace.exists()
