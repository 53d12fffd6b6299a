"""The one place where a plugin's factory runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from valle_core.assemble.part import build, options_type
from valle_core.interfaces import Frontend
from valle_core.plugin import PluginSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.kinds import kind_named
from valle_core.registry.select import Selected
from valle_core.types import Phonemes


@dataclass(frozen=True)
class Options:
    language: str = "en"


@dataclass(frozen=True)
class OtherOptions:
    pass


class Speller:
    def __init__(self, options):
        self.options = options

    def phonemize(self, text, language):
        return Phonemes(symbols=tuple(text), words=((0, len(text)),), language=language)

    def symbols(self):
        return ()

    def languages(self):
        return (self.options.language,)


class Half:
    def phonemize(self, text, language): ...


def wrong(options):
    return Half()


def raising(options):
    raise RuntimeError("out of\nluck")


def exiting(options):
    sys.exit(1)


def complaining(options):
    raise UserError("weights are missing")


@pytest.fixture
def selected(monkeypatch):
    """`selected(factory)` → a frontend whose factory is that attribute of this module."""
    monkeypatch.setitem(sys.modules, "the_plugin", sys.modules[__name__])

    def selected(factory: str, kind: str = "frontend") -> Selected:
        spec = PluginSpec(kind=kind, name="speller", api=1, summary="", factory=factory, options="the_plugin:Options")
        entry = Entry(kind=kind_named(kind), name="speller", distribution="acme", version="2", status="ok", spec=spec)
        return Selected(name="speller", entry=entry, spec=spec)

    return selected


def test_a_factory_gets_its_options_and_gives_an_object_of_the_kind(selected):
    built = build(selected("the_plugin:Speller"), Options(language="fr"))
    assert isinstance(built, Frontend)
    assert built.languages() == ("fr",)


def test_the_options_type_is_the_plugins_dataclass(selected):
    assert options_type(selected("the_plugin:Speller")) is Options


def test_parts_reach_the_factory_by_name(selected):
    with pytest.raises(UserError, match=r"'speller' \(acme 2\) could not be built: TypeError.*attention"):
        build(selected("the_plugin:Speller"), Options(), attention=object())


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("the_plugin:wrong", r"is broken: it built a Half, which lacks what makes a Frontend \(symbols, languages\)"),
        ("the_plugin:raising", "could not be built: RuntimeError: out of luck$"),
        ("the_plugin:exiting", "could not be built: SystemExit: 1"),
        ("the_plugin:nothing", "is broken: its factory the_plugin:nothing cannot be loaded: AttributeError"),
        ("no_such_module:build", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("nonsense", "is not of the form 'module:attribute'"),
    ],
)
def test_a_factory_that_fails_is_told_with_the_plugin_and_the_reason(selected, factory, message):
    with pytest.raises(UserError, match=message) as caught:
        build(selected(factory), Options())
    assert str(caught.value).startswith("frontend 'speller' (acme 2) ")


def test_a_factorys_own_user_error_is_left_as_it_is(selected):
    with pytest.raises(UserError, match=r"^weights are missing$"):
        build(selected("the_plugin:complaining"), Options())


def test_options_of_another_plugin_are_refused(selected):
    with pytest.raises(UserError, match="takes options of type Options, got OtherOptions"):
        build(selected("the_plugin:Speller"), OtherOptions())


def test_a_kind_with_two_roles_names_both_when_neither_fits(selected):
    with pytest.raises(UserError, match=r"Processor \(process\) or Chooser \(choose\)"):
        build(selected("the_plugin:Speller", kind="sampler"), Options())
