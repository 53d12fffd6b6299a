"""What `valle plugins info` prints."""

from __future__ import annotations

import json

import pytest

from valle_cli.known import KNOWN

SPECS = """
from valle_core.plugin import PluginSpec, Requirement
SPEC = PluginSpec(kind="arch", name="mine", api=1, summary="my own", factory="a:b", options="acme_options:Options",
                  devices=("cuda",), capabilities=frozenset({"window"}), licence="MIT", advisories=("Mind the gap.",),
                  paper="arXiv 1", memory="constant", weights="of acme",
                  needs={"attention": frozenset({"full", "causal"})},
                  requires=(Requirement(module="json", hint="-"),))
LACKS = PluginSpec(kind="arch", name="lacks", api=1, summary="s", factory="a:b", options="acme_options:Options",
                   requires=(Requirement(module="no_such", hint="pip install no-such"),))
ODD = PluginSpec(kind="arch", name="odd", api=1, summary="s", factory="a:b", options="acme_options:Plain")
"""
OPTIONS = '''
from dataclasses import dataclass
from typing import Literal
class Plain: pass
@dataclass(frozen=True)
class Options:
    """Sizes.

    Attributes:
        d_model: width of the model.
        norm: which normalisation.
    """
    d_model: int = 256
    norm: Literal["rms", "layer"] = "rms"
    rope: bool = True
    heads: int | None = None
'''


@pytest.fixture
def mine(install):
    names = {"mine": "acme_specs:SPEC", "lacks": "acme_specs:LACKS", "odd": "acme_specs:ODD", "bad": "acme_none:SPEC"}
    install("acme", {"valle.arch": names}, acme_specs=SPECS, acme_options=OPTIONS)


def facts(valle, *argv):
    code, out, err = valle("plugins", "info", *argv, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_options_come_with_type_default_and_help(valle, mine):
    options = {one["key"]: one for one in facts(valle, "mine")["options"]}
    assert options["arch.d_model"] == {
        "flag": "--arch.d-model", "key": "arch.d_model", "type": "INTEGER", "default": "256",
        "help": "width of the model",
    }  # fmt: skip
    assert options["arch.norm"]["type"] == "rms|layer"
    assert (options["arch.rope"]["default"], options["arch.heads"]["default"]) == ("on", "none")
    lines = valle("plugins", "info", "mine")[1].splitlines()
    assert "  --arch.d-model INTEGER  256   width of the model" in lines


def test_what_it_owes_needs_requires_and_where_it_lies_are_shown(valle, mine, tmp_path):
    found = facts(valle, "acme:mine")
    assert (found["distribution"], found["version"], found["status"]) == ("acme", "1.0", "ok")
    assert found["capabilities"] == ["window"]
    assert "cache" in found["owed"]
    assert found["needs"] == {"attention": "causal, full"}
    assert found["requires"] == ["json (is there)"]
    assert found["location"] == str(tmp_path)
    assert (found["options_class"], found["factory"]) == ("acme_options:Options", "a:b")


def test_licence_and_advisories_are_shown(valle, mine):
    code, out, _ = valle("plugins", "info", "mine")
    assert code == 0
    assert "licence       MIT" in out
    assert "advisories    Mind the gap." in out


def test_paper_memory_and_weights_are_shown(valle, mine):
    out = valle("plugins", "info", "mine")[1].splitlines()
    assert {"paper         arXiv 1", "memory        constant", "weights       of acme"} <= set(out)


def test_a_missing_requirement_is_named_with_its_hint_and_the_options_are_shown_all_the_same(valle, mine):
    found = facts(valle, "lacks")
    assert found["status"] == "unavailable"
    assert found["requires"] == ["no_such (is missing: pip install no-such)"]
    assert len(found["options"]) == 4


def test_home_page_and_editable_source_come_from_the_metadata(valle, mine, tmp_path):
    (info,) = tmp_path.glob("*.dist-info")
    (info / "METADATA").write_text(
        "Name: acme\nVersion: 1.0\nProject-URL: Homepage, https://example.org/acme\n\nText\n"
    )
    (info / "direct_url.json").write_text(json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}}))
    found = facts(valle, "mine")
    assert (found["home_page"], found["editable"]) == ("https://example.org/acme", str(tmp_path))


def test_options_that_cannot_be_shown_say_why(valle, mine):
    why = "cannot be shown: arch 'odd' (acme 1.0) is broken: its options acme_options:Plain are not a dataclass"
    assert facts(valle, "odd")["options"] == why
    assert f"options       {why}" in valle("plugins", "info", "odd")[1].splitlines()


def test_a_broken_plugin_has_its_reason_and_its_mend(valle, mine):
    found = facts(valle, "bad")
    assert (found["status"], found["why"]) == ("broken", "ModuleNotFoundError: No module named 'acme_none'")
    assert found["hint"].endswith("valle plugins uninstall acme")


def test_a_disabled_plugin_is_described_without_importing_it(valle, install, tmp_path, monkeypatch):
    trace = tmp_path / "imported"
    install("acme", {"valle.arch": {"mine": "acme_trace:SPEC"}}, acme_trace=f"open({str(trace)!r}, 'w')")
    assert facts(valle, "--safe", "mine")["status"] == "disabled"
    monkeypatch.setenv("VALLE_PLUGINS", "valle-llama")
    assert facts(valle, "mine")["why"] == "not listed in VALLE_PLUGINS"
    assert not trace.exists()


def test_a_plugin_that_is_not_installed_a_command_and_a_reference_have_their_facts_too(valle, monkeypatch):
    monkeypatch.setitem(KNOWN, "valle-harp", {"attention": ("harp",)})
    assert facts(valle, "harp")["hint"] == "valle plugins install valle-harp"
    assert facts(valle, "corpus")["kind"] == "command"
    assert facts(valle, "llama-decode")["kind"] == "reference"


def test_a_misspelt_name_is_refused_with_the_nearest(valle):
    for command in ("info", "check"):
        code, _, err = valle("plugins", command, "lama")
        assert (code, err) == (2, "error: there is no plugin 'lama'. Did you mean 'llama'? See: valle list-plugins\n")


def test_a_name_nobody_has_is_an_error(valle):
    assert valle("plugins", "info", "nix") == (2, "", "error: there is no plugin 'nix'. See: valle list-plugins\n")
