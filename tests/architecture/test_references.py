"""The list of the reference environment is well-formed, and its tests stay out of the ordinary run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def set_up():
    spec = importlib.util.spec_from_file_location("references_set_up", ROOT / "tests" / "references" / "set_up.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_every_peer_is_pinned_in_a_group_of_its_own(set_up):
    groups = set_up.groups((ROOT / "references.txt").read_text(encoding="utf-8"))
    names = [group.name for group in groups]
    assert names[0] == "build"
    assert {"torchscale", "mamba-ssm", "fla-core", "bitnet", "encodec", "vocos", "descript-audio-codec"} <= set(names)
    assert len(names) == len(set(names))
    assert not [pin for group in groups for pin in group.requirements if pin.startswith(("torch==", "triton"))]


def test_no_requirement_of_the_list_contradicts_another(set_up):
    pins: dict[str, set[str]] = {}
    for group in set_up.groups((ROOT / "references.txt").read_text(encoding="utf-8")):
        for pin in group.requirements:
            name, _, number = pin.partition("==")
            pins.setdefault(name, set()).add(number)
    assert not {name: numbers for name, numbers in pins.items() if len(numbers) > 1}


@pytest.mark.parametrize("text", ["torchscale==0.3.0", "# [fla] fla.ops\nfla-core"])
def test_a_line_without_group_or_pin_is_refused(set_up, text):
    with pytest.raises(SystemExit, match=r"references\.txt:\d"):
        set_up.groups(text)


def test_the_ordinary_run_does_not_collect_the_reference_tests(request):
    ignored = request.config.getoption("ignore") or []
    assert "tests/references" in ignored
