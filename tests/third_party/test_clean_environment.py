"""A third party's package where nothing of valle is installed but the core: checked, trained with, sampled with.

The environment is a fresh venv. `valle-core` and the package are built into wheels and installed into it by pip. What
they depend on (torch, numpy, …) is *shared* with the environment that runs the tests, through a folder of links to all
that is installed there and is not valle's; so it is their code that is isolated, not the installation of torch.
Codec, frontend and task are the fakes of `valle_testing`, announced as plugins once the listing has been looked
at: the core by itself has none.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from valle_testing.fakes.distribution import announce

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

WINGS = ("valle-data", "valle-kit", "valle-language", "valle-testing")
"""To prepare a dataset and to check: no command line, no plugin."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clean(package, environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    copy = shutil.copytree(package, folder / "acme-valle", ignore=shutil.ignore_patterns("__pycache__"))
    made = environment(folder, [ROOT, *(ROOT / "plugins" / wing for wing in WINGS), copy])
    made.package = copy
    return made


@pytest.fixture(scope="module")
def facts(clean, tmp_path_factory) -> dict:
    work = tmp_path_factory.mktemp("work")
    groups = {f"valle.{kind}": {"fake": f"fake_plugins:{kind.upper()}"} for kind in ("codec", "frontend", "task")}
    announce(work / "fakes", "fake-plugins", groups, version="0")
    shutil.copy(HERE / "fake_plugins.py", work / "fakes")
    script = shutil.copy(HERE / "train_and_sample.py", work)
    clean.run("-I", script, work, cwd=work)
    return json.loads((work / "facts.json").read_text(encoding="utf-8"))


def test_nothing_of_valle_is_there_but_the_core_and_the_package(facts, clean):
    seen = facts["listed"]
    assert seen["valle"] == ["acme-valle", "valle-core", *WINGS]
    assert seen["importable"] == []
    assert Path(seen["core"]).is_relative_to(clean.python.parents[1])
    assert facts["loaded"] == ["valle_core", "valle_data", "valle_kit", "valle_language", "valle_testing"]


def test_the_registry_lists_its_plugins_and_no_other(facts):
    assert facts["listed"]["plugins"] == [
        ["arch", "acme-retention", "acme-valle", "ok"],
        ["sampler", "acme-eta", "acme-valle", "ok"],
        ["command", "acme roundtrip", "acme-valle", "ok"],
        ["acme-voicing", "acme-energy", "acme-valle", "ok"],
    ]


def test_both_pass_the_suites_that_come_with_the_core(facts):
    assert facts["checked"]["ok"], "\n".join(facts["checked"]["tables"])


def test_its_own_tests_pass_where_it_is_installed(clean):
    output = clean.run("-I", "-m", "pytest", "-p", "no:cacheprovider", "tests", cwd=clean.package)
    assert " passed" in output


def test_a_model_over_its_backbone_learns(facts):
    trained = facts["trained"]
    assert trained["step"] == 40
    assert trained["last"] < 0.8 * trained["first"]


def test_its_sampler_draws_what_is_said_alike_alone_and_in_a_batch(facts):
    spoken = facts["spoken"]
    assert spoken["sampler"] == "acme_valle.eta"
    assert min(spoken["samples"]) > 0
    assert spoken["finite"]
    assert spoken["alike"]
