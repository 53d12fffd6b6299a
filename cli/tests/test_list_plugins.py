"""What `valle list-plugins` prints."""

from __future__ import annotations

import json

import pytest

SPECS = """
print("noise on stdout")
from valle_core.plugin import PluginSpec
SPEC = PluginSpec(kind="arch", name="mine", api=1, summary="my own", factory="a:b", options="a:c",
                  devices=("cuda",), capabilities=frozenset({"window"}), licence="MIT")
"""


@pytest.fixture
def mine(install):
    install("acme", {"valle.arch": {"mine": "acme_specs:SPEC", "bad": "acme_none:SPEC"}}, acme_specs=SPECS)


def rows(valle, *argv):
    code, out, err = valle("list-plugins", "--json", *argv)
    assert (code, err) == (0, "")
    return {(row["kind"], row["name"]): row for row in json.loads(out)}


def test_json_holds_what_a_script_needs_and_nothing_else_reaches_stdout(valle, mine):
    row = rows(valle)[("arch", "mine")]
    assert row | {"status": "ok", "version": "1.0", "distribution": "acme", "why": "", "hint": ""} == row
    assert row["devices"] == ["cuda"]
    assert row["capabilities"] == ["window"]


def test_every_row_that_is_not_ok_says_why_and_how_to_mend_it(valle, mine):
    listed = rows(valle)
    assert listed[("arch", "bad")]["status"] == "broken"
    for row in listed.values():
        assert row["status"] == "ok" or (row["why"] and row["hint"]), row


def test_a_kind_narrows_the_list(valle):
    assert {kind for kind, _ in rows(valle, "--kind", "sampler")} == {"sampler"}


def test_the_table_has_one_line_for_each_plugin(valle, mine):
    code, out, _ = valle("list-plugins", "--kind", "arch")
    (line,) = [line for line in out.splitlines() if " mine " in line]
    assert code == 0
    assert line.split()[:5] == ["arch", "mine", "1.0", "acme", "ok"]
    assert out.splitlines()[0].split() == ["kind", "name", "version", "distribution", "status"]


def test_unknown_names_in_the_environment_warn_on_stderr(valle, monkeypatch):
    monkeypatch.setenv("VALLE_DISABLE_PLUGINS", "nobody")
    code, _, err = valle("list-plugins", "--json")
    assert code == 0
    assert err == "warning: VALLE_DISABLE_PLUGINS names 'nobody', which is not an installed plugin or distribution\n"
