"""A bad plugin harms nobody who does not select it, and is told in one line to who does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from valle_core.plugin import UserError
from valle_core.registry.registry import Registry

BAD = {
    "raises": ("raise RuntimeError('no\\nway')", "broken", "RuntimeError: no way"),
    "leaves": ("import sys; sys.exit(3)", "broken", "called sys.exit(3)"),
    "lacks": ("import a_module_nobody_has", "broken", "No module named 'a_module_nobody_has'"),
    "syntax": ("not valid Python", "broken", "SyntaxError"),
}


def status(registry, name, kind="arch"):
    (entry,) = [entry for entry in registry.entries(kind) if entry.name == name]
    return entry


@pytest.mark.parametrize("name", BAD)
def test_a_spec_that_fails_at_import_is_listed_as_broken_and_refused_with_the_reason(site, name):
    before, expected, why = BAD[name]
    site.plugin("acme", name, before=before)
    registry = Registry.open(environ={})
    entry = status(registry, name)
    assert entry.status == expected
    assert why in entry.why
    assert entry.hint
    with pytest.raises(UserError, match=rf"arch '{name}' \(acme 1.0\) is broken") as caught:
        registry.select("arch", name)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_plugins_leave_a_good_one_selectable(site):
    for name, (before, _, _) in BAD.items():
        site.plugin(f"acme-{name}", name, before=before)
    site.plugin("good", "fine")
    registry = Registry.open(environ={})
    assert registry.select("arch", "fine").spec.name == "fine"


def test_selecting_one_plugin_imports_no_other(site):
    site.plugin("acme-other", "other")
    site.plugin("good", "fine")
    Registry.open(environ={}).select("arch", "fine")
    assert "good_fine_1_0" in sys.modules
    assert "acme_other_other_1_0" not in sys.modules


def test_a_missing_requirement_makes_a_plugin_unavailable_with_the_hint(site):
    more = "requires=(Requirement(module='no_such.kernels', hint='pip install no-such'),)"
    site.plugin("acme", "fast", more=more)
    registry = Registry.open(environ={})
    entry = status(registry, "fast")
    assert (entry.status, entry.hint) == ("unavailable", "pip install no-such")
    with pytest.raises(UserError, match=r"needs no_such\.kernels.*pip install no-such"):
        registry.select("arch", "fast")


def test_a_requirement_is_looked_for_without_importing_it_or_its_parents(site):
    (site.folder / "parent_pkg").mkdir()
    (site.folder / "parent_pkg" / "__init__.py").write_text("raise RuntimeError('imported')")
    (site.folder / "parent_pkg" / "child.py").write_text("")
    site.plugin("acme", "has", more="requires=(Requirement(module='parent_pkg.child', hint='-'),)")
    site.plugin("acme2", "has-not", more="requires=(Requirement(module='parent_pkg.other', hint='-'),)")
    registry = Registry.open(environ={})
    assert status(registry, "has").status == "ok"
    assert status(registry, "has-not").status == "unavailable"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("SPEC = {'kind': 'arch'}", "is a dict, expected a PluginSpec"),
        (
            "from valle_core.plugin import HookSpec\nSPEC = HookSpec(name='odd', api=1, summary='', plugin='')",
            "Hook",
        ),
        ("other = 1", "has no attribute 'SPEC'"),
    ],
)
def test_an_entry_point_that_names_no_spec_is_broken(site, source, why):
    site.add("acme", {"valle.arch": {"odd": "acme_odd:SPEC"}}, acme_odd=source)
    entry = status(Registry.open(environ={}), "odd")
    assert entry.status == "broken"
    assert why in entry.why


def test_a_spec_of_another_kind_or_name_than_announced_is_broken(site):
    site.plugin("acme", "one", kind="codec")
    site.add("wrong-kind", {"valle.arch": {"one": "acme_one_1_0:SPEC"}})
    site.add("wrong-name", {"valle.codec": {"two": "acme_one_1_0:SPEC"}})
    registry = Registry.open(environ={})
    assert "says kind 'codec'" in status(registry, "one").why
    assert "says name 'one'" in status(registry, "two", "codec").why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("devices=('cuda')", "says devices='cuda', expected a tuple"),
        ("capabilities=['window']", "says capabilities=['window'], expected a set"),
        ("requires=('xformers',)", "says requires=('xformers',), expected Requirement objects"),
        ("needs=None", "says needs=None, expected a Mapping"),
    ],
)
def test_a_spec_with_a_field_of_the_wrong_type_is_broken(site, more, why):
    site.plugin("acme", "odd", more=more)
    entry = status(Registry.open(environ={}), "odd")
    assert entry.status == "broken"
    assert why in entry.why


def test_a_spec_that_prints_does_not_reach_stdout(site, capsys):
    site.plugin("acme", "loud", before="print('hello')")
    assert status(Registry.open(environ={}), "loud").status == "ok"
    assert capsys.readouterr().out == ""


def test_a_spec_that_imports_torch_is_refused_and_torch_stays_out(site):
    site.plugin("acme", "heavy", before="import torch")
    site.plugin("acme2", "sly", before="try:\n    import torch\nexcept ImportError:\n    pass")
    code = (
        f"import sys; sys.path.insert(0, {str(site.folder)!r})\n"
        "from valle_core.registry.registry import Registry\n"
        "found = {e.name: (e.status, e.why) for e in Registry.open(environ={}).entries('arch')}\n"
        "assert 'torch' not in sys.modules\n"
        "print(found['heavy'], found['sly'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("'broken', 'its spec module imports torch") == 2
