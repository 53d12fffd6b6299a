"""Selected plugins that cannot work here or together are refused before anything is built."""

from __future__ import annotations

import pytest

from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.scan import scan


@pytest.fixture
def registry(site):
    site.plugin(
        "acme-fused", "fused", kind="attention", version="0.1.0", more="devices=('cuda',), advisories=('Two words.',)"
    )
    site.plugin("acme-half", "half", kind="attention", more="dtypes=('float16',)")
    site.plugin("acme-plain", "plain", kind="attention", more="capabilities=frozenset({'window'})")
    site.plugin("acme-net", "net", more="needs={'attention': frozenset({'causal', 'window'})}")
    site.plugin("acme-host", "host", kind="frontend", more="devices=('cpu',), dtypes=()")
    return Registry(scan([str(site.folder)]))


def problems(registry, choices, **where):
    with pytest.raises(UserError) as caught:
        preflight(registry, choices, **where)
    return str(caught.value).splitlines()


def test_a_plugin_for_another_device_names_it_and_one_that_would_do(registry):
    lines = problems(registry, {"attention": ("attention", ["fused"])}, device="cpu")
    assert lines == [
        "attention 'fused' (acme-fused 0.1.0) cannot run here: needs a CUDA device, found cpu. Two words. "
        "Try: --attention half"
    ]


def test_a_plugin_for_another_dtype_is_refused(registry):
    (line,) = problems(registry, {"kernel_slot": ("attention", ["half"])}, dtype="float32")
    assert "cannot run in float32: it runs in float16" in line
    assert line.endswith("Try: --kernel-slot fused")


def test_what_one_slot_needs_of_another_is_checked(registry):
    choices = {"arch": ("arch", ["net"]), "attention": ("attention", ["half"])}
    (line,) = problems(registry, choices, dtype="float16")
    assert "arch 'net' (acme-net 1.0) needs attention with window" in line
    assert "attention 'half' (acme-half 1.0) does not declare. Try: --attention plain" in line


def test_a_needed_kind_that_nobody_selected_is_named(registry):
    (line,) = problems(registry, {"arch": ("arch", ["net"])})
    assert "needs a plugin of kind attention and none is selected" in line


def test_all_problems_are_told_at_once_one_line_each(registry):
    choices = {"arch": ("arch", ["nte", "net"]), "attention": ("attention", ["fused", "half"])}
    lines = problems(registry, choices)
    assert len(lines) == 5
    assert sum("no arch 'nte'" in line for line in lines) == 1


def test_what_the_command_demands_is_checked_against_declared_and_owed_capabilities(registry):
    choices = {"arch": ("arch", ["net"]), "attention": ("attention", ["plain"])}
    assert preflight(registry, choices, demands={"arch": frozenset({"mixed"})})["arch"][0].name == "net"
    (line,) = problems(registry, choices, demands={"arch": frozenset({"tree"})})
    assert "arch 'net' (acme-net 1.0) cannot do tree" in line


def test_a_frontend_runs_on_the_host_whatever_the_device_is(registry):
    assert preflight(registry, {"frontend": ("frontend", ["host"])}, device="cuda:0")


def test_nothing_heavy_is_imported_for_the_check(registry):
    choices = {"arch": ("arch", ["net"]), "attention": ("attention", ["plain"])}
    selected = preflight(registry, choices)
    assert selected["arch"][0].spec.factory.startswith("acme_net")  # the module has no `build`, and no one noticed
