"""From names to plugins, and what a user reads when that fails."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from valle_cli.known import KNOWN
from valle_core.plugin import Kind, UserError
from valle_core.registry.kinds import KINDS, ROWS
from valle_core.registry.registry import Registry
from valle_core.registry.scan import SERVICES, Found, Scan, scan
from valle_testing.kinds import every_kind

ROOT = Path(__file__).parents[2]
OPTIONS = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Options:
    width: int = 3
"""


COMMAND_LINE = Found("valle.directory", "valle", "valle_cli.known:KNOWN", "valle", "0.1.0")


def test_a_known_plugin_that_is_missing_says_what_to_install():
    registry = Registry(Scan((COMMAND_LINE,), frozenset({"valle"})))
    with pytest.raises(UserError) as caught:
        registry.select("arch", "mamba")
    assert str(caught.value) == ("arch 'mamba' is not installed. Install it with: valle plugins install valle-mamba")


def test_without_the_command_line_nothing_is_known_and_nothing_promised():
    registry = Registry(Scan((), frozenset()))
    assert registry.entries("arch") == []
    with pytest.raises(UserError, match="there is no arch 'mamba'"):
        registry.select("arch", "mamba")


def test_missing_known_plugins_are_listed_with_their_fix():
    entries = {entry.name: entry for entry in Registry(Scan((COMMAND_LINE,), frozenset({"valle"}))).entries("arch")}
    assert entries["retnet-hf"].status == "not-installed"
    assert entries["retnet-hf"].hint == "valle plugins install valle-retnet"


def test_stale_metadata_of_a_known_distribution_is_told_apart():
    registry = Registry(Scan((COMMAND_LINE,), frozenset({"valle", "valle-retnet"})))
    entry = registry.find("arch", "retnet")
    assert entry.status == "not-installed"
    assert "does not announce it" in entry.why


@pytest.mark.parametrize(
    ("distribution", "hint"),
    [("valle-retnet", "valle plugins install -U valle-retnet"), ("acme", "pip install -U acme")],
)
def test_a_broken_plugin_is_installed_anew_by_whoever_knows_where_it_is(distribution, hint):
    found = Found("valle.arch", "odd", "no_such_module:SPEC", distribution, "0.1.0")
    entry = Registry(Scan((COMMAND_LINE, found), frozenset({"valle", distribution}))).find("arch", "odd")
    assert (entry.status, entry.hint) == ("broken", f"{hint}, or valle plugins uninstall {distribution}")


def test_two_plugins_of_one_name_are_a_conflict_that_distribution_and_name_resolve(site):
    site.plugin("valle-retnet", "retnet", version="0.1.0")
    site.plugin("acme-retnet", "retnet", version="2.0")
    registry = Registry(scan([str(site.folder)]))
    with pytest.raises(UserError) as caught:
        registry.select("arch", "retnet")
    message = str(caught.value)
    assert message.startswith("two plugins provide arch 'retnet': ")
    assert "valle-retnet 0.1.0" in message
    assert "acme-retnet 2.0" in message
    assert message.endswith(":retnet")
    assert registry.select("arch", "acme-retnet:retnet").entry.version == "2.0"
    assert registry.select("arch", "valle_retnet:retnet").entry.version == "0.1.0"
    listed = [entry for entry in registry.entries("arch") if entry.name == "retnet"]
    assert [entry.status for entry in listed] == ["conflict", "conflict"]
    assert listed[0].hint == "choose one: --arch acme-retnet:retnet"


def test_a_selection_made_by_distribution_and_name_keeps_that_name(site):
    site.plugin("acme", "x")
    assert Registry(scan([str(site.folder)])).select("arch", "acme:x").name == "acme:x"


def test_a_command_is_not_selected_and_the_message_says_so(site):
    source = """from valle_core.plugin import CommandSpec
SPEC = CommandSpec(name="x", api=1, summary="made for a test", run="run:run", schema="run:SCHEMA")
"""
    site.add("acme", {"valle.commands": {"x": "acme_command:SPEC"}}, acme_command=source)
    with pytest.raises(UserError) as caught:
        Registry(scan([str(site.folder)])).select("command", "x")
    assert str(caught.value) == "command 'x' (acme 1.0) cannot be selected: it is not a plugin with a factory"


def test_an_unknown_name_gets_the_nearest_and_the_list(site):
    site.plugin("acme", "performer")
    with pytest.raises(UserError, match=r"no arch 'preformer'. Did you mean 'performer'\? There are: performer"):
        Registry(scan([str(site.folder)])).select("arch", "preformer")


def test_an_unknown_distribution_before_the_colon_is_refused(site):
    site.plugin("acme", "x")
    with pytest.raises(UserError, match=r"there is no arch 'other:x'"):
        Registry(scan([str(site.folder)])).select("arch", "other:x")


def test_an_unknown_kind_names_the_kinds():
    with pytest.raises(UserError, match=r"no kind 'arhc'. Kinds: arch, attention"):
        Registry(Scan((), frozenset())).entries("arhc")


ANNOUNCED = """from valle_core.plugin import CommandSpec, Kind
GOOD = Kind(name="metric", group="valle.metric", interface="builtins:object", api=1, suite="")
TAKEN = Kind(name="commands", group="valle.commands", interface="builtins:object", api=1, suite="")
SERVICES = Kind(name="services", group="valle.services", interface="builtins:object", api=1, suite="")
OTHERS = Kind(name="archs", group="valle.arch", interface="builtins:object", api=1, suite="")
NO_KIND = 5
import_error = 1
"""


def test_a_distribution_announces_a_kind_and_another_brings_a_plugin_of_it(site):
    site.add("acme-metrics", {"valle.kinds": {"metric": "announced:GOOD"}}, announced=ANNOUNCED)
    site.plugin("acme", "wer", kind="metric", after=OPTIONS)
    registry = Registry(scan([str(site.folder)]))
    assert registry.select("metric", "wer").options_type()().width == 3
    assert [*registry.warnings, *registry.complaints] == []


def test_what_is_announced_is_imported_only_where_a_kind_is_not_the_cores(site):
    site.add("acme-metrics", {"valle.kinds": {"metric": "announced:GOOD"}}, announced=ANNOUNCED)
    site.plugin("acme", "wer", kind="metric", after=OPTIONS)
    site.plugin("acme2", "deep")
    registry = Registry(scan([str(site.folder)]))
    assert registry.select("arch", "deep").name == "deep"
    assert (registry.entries("command"), registry.warnings, "announced" in sys.modules) == ([], (), False)
    assert registry.names("metric") == ["wer"]
    assert "announced" in sys.modules


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("commands", "announced:TAKEN", "taken by the kind 'command'"),
        ("services", "announced:SERVICES", "a group must be 'valle.' and the name, and not taken"),
        ("archs", "announced:OTHERS", "a group must be 'valle.' and the name, and not taken"),
        ("five", "announced:NO_KIND", "is a int, expected a Kind"),
        ("other", "announced:GOOD", "says name 'metric' but is announced as 'other'"),
        ("gone", "nowhere_at_all:GONE", "No module named"),
    ],
)
def test_a_kind_that_cannot_be_used_is_a_warning_and_hurts_nobody(site, name, value, why):
    site.add("acme-metrics", {"valle.kinds": {name: value}}, announced=ANNOUNCED)
    registry = Registry(scan([str(site.folder)]))
    assert registry.rows == ROWS
    (warning,) = registry.complaints
    assert f"kind '{name}' (acme-metrics 1.0) cannot be used" in warning
    assert why in warning


def test_a_new_kind_is_one_row(site):
    row = Kind(name="metric", group="valle.metric", interface="builtins:object", api=1, suite="")
    site.plugin("acme", "wer", kind="metric", after=OPTIONS)
    registry = Registry(scan([str(site.folder)]), rows=(*ROWS, row))
    assert registry.select("metric", "wer").options_type()().width == 3
    assert "metric" in {entry.kind.name for entry in registry.entries()}


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("", "cannot be loaded"),
        ("class Options: pass", "are not a dataclass"),
        (OPTIONS.replace("(frozen=True)", ""), "are not a frozen dataclass"),
        (OPTIONS.replace("width: int = 3", "name: str = ''"), "cannot be called 'name'"),
    ],
)
def test_options_that_are_no_frozen_dataclass_are_refused(site, after, why):
    site.plugin("acme", "x", after=after)
    with pytest.raises(UserError, match=why):
        Registry(scan([str(site.folder)])).select("arch", "x").options_type()


def test_the_table_of_kinds_is_consistent():
    assert len({row.name for row in ROWS}) == len({row.group for row in ROWS}) == len(ROWS)
    names = ["arch", "attention", "codec", "sampler", "task", "frontend", "rewrite", "alignment"]
    assert [row.name for row in KINDS] == names
    assert replace(KINDS[0]).group == "valle.arch"


def test_every_first_party_plugin_of_the_tree_is_in_the_table_of_known_ones():
    kind_of = {row.group: row.name for row in every_kind()}
    for file in ROOT.glob("plugins/*/pyproject.toml"):
        project = tomllib.loads(file.read_text())["project"]
        for group, names in project.get("entry-points", {}).items():
            if group in (
                "valle.hooks",
                "valle.kinds",
                "valle.reference",
                "valle.voices",
                SERVICES,
            ) or not group.startswith("valle."):
                continue
            listed = KNOWN.get(project["name"], {}).get(kind_of[group], ())
            missing = set(names) - set(listed)
            assert not missing, f"add {sorted(missing)} of {project['name']} to cli/src/valle_cli/known.py"
