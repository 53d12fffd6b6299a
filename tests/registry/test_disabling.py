"""VALLE_PLUGINS, VALLE_DISABLE_PLUGINS and --safe act before anything is imported."""

from __future__ import annotations

import sys

import pytest

from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


@pytest.fixture
def two(site):
    site.plugin("acme-one", "one", before="raise RuntimeError('imported')")
    site.plugin("acme-two", "two")
    return site


def statuses(registry):
    return {entry.name: entry.status for entry in registry.entries("arch") if entry.distribution.startswith("acme")}


@pytest.mark.parametrize("word", ["one", "acme-one", "Acme_One", "acme-one:one"])
def test_a_disabled_plugin_is_not_imported(two, word):
    registry = Registry.open(environ={"VALLE_DISABLE_PLUGINS": f"{word}, nothing"})
    assert statuses(registry) == {"one": "disabled", "two": "ok"}
    assert "acme_one_one_1_0" not in sys.modules
    with pytest.raises(UserError, match="is disabled: listed in VALLE_DISABLE_PLUGINS"):
        registry.select("arch", "one")


def test_only_the_named_plugins_stay_on(two):
    registry = Registry.open(environ={"VALLE_PLUGINS": "two"})
    assert statuses(registry) == {"one": "disabled", "two": "ok"}


def test_an_empty_list_of_plugins_switches_all_off(two):
    assert set(statuses(Registry.open(environ={"VALLE_PLUGINS": ""})).values()) == {"disabled"}


def test_unknown_names_warn(two):
    registry = Registry.open(environ={"VALLE_DISABLE_PLUGINS": "tow"})
    assert registry.warnings == ("VALLE_DISABLE_PLUGINS names 'tow', which is not an installed plugin or distribution",)


def test_safe_keeps_first_party_plugins_only(two):
    registry = Registry.open(environ={}, safe=True)
    assert statuses(registry) == {"one": "disabled", "two": "disabled"}
    assert registry.select("sampler", "greedy")


def test_disabling_one_of_two_rivals_ends_the_conflict(two):
    two.plugin("acme-three", "two")
    registry = Registry.open(environ={"VALLE_DISABLE_PLUGINS": "acme-two"})
    assert registry.select("arch", "two").entry.distribution == "acme-three"


@pytest.mark.parametrize("environ", [{"VALLE_PLUGINS": "two"}, {"VALLE_PLUGINS": ""}])
def test_first_party_commands_and_kinds_stay_on_whatever_plugins_are_wanted(two, environ):
    two.add("acme-words", {"valle.commands": {"shout": "nowhere:SPEC"}})
    registry = Registry.open(environ=environ)
    names = registry.names("command")
    assert {"train", "synth", "prepare", "data stats", "plugins doctor"} < set(names)
    assert "shout" not in names
    assert registry.names("recognizer") == []
    with pytest.raises(UserError, match="is disabled"):
        registry.select("sampler", "greedy")
