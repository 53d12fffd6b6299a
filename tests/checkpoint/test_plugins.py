"""A checkpoint says who made it, and loading it elsewhere says what is missing or different."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from valle_cli.known import KNOWN
from valle_core.checkpoint.load import load_model
from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity, changes, check_plugin
from valle_core.registry.kinds import ROWS
from valle_core.registry.registry import Registry
from valle_core.registry.scan import Found, Scan, scan
from valle_testing.runs import change_plugin

CPU = torch.device("cpu")
MADE = PluginIdentity(kind="arch", name="transformer", distribution="valle-transformer", version="0.1.0", api=1)


def load(run: Path, registry: Registry | None = None) -> list[str]:
    reports: list[str] = []
    load_model(run, registry or Registry.open(environ={}), device=CPU, report=reports.append)
    return reports


@pytest.fixture
def run(tmp_path) -> Path:
    source = Path(__file__).parents[1] / "golden" / "run"
    return Path(shutil.copytree(source, tmp_path / "run"))


def test_what_it_was_made_with_is_there_and_nothing_is_said(run):
    assert load(run) == []


def test_another_version_is_a_warning_with_both_and_the_install_line(run):
    change_plugin(run, "arch", version="0.0.9")
    (line,) = load(run)
    assert line == (
        f"{run} was made with arch 'transformer' of valle-transformer 0.0.9, and 0.1.0 is installed. "
        "To have the same again, install valle-transformer 0.0.9"
    )


def test_a_missing_plugin_is_refused_with_distribution_version_and_install_line(run):
    change_plugin(run, "arch", name="hyena", distribution="valle-hyena", version="3.1")
    with pytest.raises(UserError) as caught:
        load(run)
    assert str(caught.value) == (
        f"{run} was made with arch 'hyena' of valle-hyena 3.1, which is not installed. "
        "Install it with: pip install valle-hyena==3.1"
    )


def test_a_known_plugin_that_is_missing_is_installed_from_its_folder(run, monkeypatch):
    monkeypatch.setitem(KNOWN, "valle-harp", {"attention": ("harp",)})
    change_plugin(run, "attention", name="harp", distribution="valle-harp", version="0.1.0")
    with pytest.raises(UserError, match=r"not installed\. Install it with: valle plugins install valle-harp"):
        load(run)


def test_a_disabled_plugin_is_said_to_be_disabled(run):
    registry = Registry.open(environ={"VALLE_DISABLE_PLUGINS": "transformer"})
    with pytest.raises(UserError, match=r"0\.1\.0, which is disabled: listed in VALLE_DISABLE_PLUGINS"):
        load(run, registry)


@pytest.mark.parametrize(("api", "message"), [(2, "API 2, this valle-core has 1. Update valle"), (0, "API 0, this")])
def test_another_api_is_refused_by_name(run, api, message):
    change_plugin(run, "arch", api=api)
    with pytest.raises(UserError, match=rf"arch 'transformer' of valle-transformer 0\.1\.0 for arch {message}"):
        load(run)


def test_one_api_number_older_still_loads():
    at_two = tuple(replace(row, api=2) if row.name == "arch" else row for row in ROWS)
    assert check_plugin(MADE, Registry.open(environ={}, rows=at_two), "it") == ""
    at_three = tuple(replace(row, api=3) if row.name == "arch" else row for row in ROWS)
    with pytest.raises(UserError, match="Use it with the valle-core it was made with"):
        check_plugin(MADE, Registry.open(environ={}, rows=at_three), "it")


def test_a_broken_plugin_is_said_to_be_broken():
    found = Found("valle.arch", "hyena", "valle_hyena_gone:SPEC", "valle-hyena", "3.1")
    wanted = replace(MADE, name="hyena", distribution="valle-hyena", version="3.1")
    with pytest.raises(UserError, match=r"it was made with arch 'hyena' of valle-hyena 3\.1, which is broken: "):
        check_plugin(wanted, Registry(Scan((found,), frozenset())), "it")


def test_the_same_name_from_another_distribution_is_a_warning_with_both():
    wanted = replace(MADE, distribution="acme-transformer", version="2.0")
    warning = check_plugin(wanted, Registry.open(environ={}), "it")
    assert "of acme-transformer 2.0, and is used with that of valle-transformer 0.1.0, which may answer" in warning


def test_a_name_that_became_ambiguous_says_how_to_get_the_right_one():
    real = scan()
    rival = Found("valle.arch", "transformer", "acme:SPEC", "acme-transformer", "2.0")
    registry = Registry(Scan((*real.found, rival), real.distributions))
    with pytest.raises(UserError, match="Leave the others out: VALLE_DISABLE_PLUGINS=acme-transformer"):
        check_plugin(MADE, registry, "it")


def test_what_changed_between_two_lists_of_plugins_is_told():
    codec = replace(MADE, kind="codec", name="tiny")
    now = [replace(MADE, version="0.2.0", name="valle-transformer:transformer"), codec]
    (line,) = changes([MADE, codec], now, "the run")
    assert "the run was made with arch 'transformer' of valle-transformer 0.1.0, and 0.2.0 is installed" in line
