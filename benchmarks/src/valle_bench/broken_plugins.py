"""Plugins that are broken on purpose, each in its own way, to measure and to test beside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.registry.catalog import Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """One of them; its distribution is called `acme-NAME`.

    Attributes:
        name: of the plugin.
        status: what the list must say.
        why: what its reason, or for `ok` the refusal of a run, must hold; "" where it harms only by how it is imported.
        kind: of the plugin.
        before: source that runs before its spec is made.
        spec: what its spec says beside the usual, or "" for none at all.
        value: of the entry point, if not the usual.
        has_module: it brings the module its entry point names.
        slow: its import takes longer than a listing should.
        announced: name in the entry point, if another distribution has it too.
    """

    name: str
    status: Status
    why: str
    kind: str = "arch"
    before: str = ""
    spec: str = "api=1"
    value: str = ""
    has_module: bool = True
    slow: bool = False
    announced: str = ""


BROKEN: tuple[Broken, ...] = (
    Broken(name="raises", status="broken", why="RuntimeError: no way", before="raise RuntimeError('no\\nway')"),
    Broken(name="leaves", status="broken", why="called sys.exit(3)", before="import sys; sys.exit(3)"),
    Broken(name="interrupts", status="broken", why="raised KeyboardInterrupt", before="raise KeyboardInterrupt"),
    Broken(name="recurses", status="broken", why="RecursionError", before="def f(): f()\nf()"),
    Broken(name="syntax", status="broken", why="SyntaxError", before="not valid Python"),
    Broken(name="lacks", status="broken", why="a_module_nobody_has", before="import a_module_nobody_has"),
    Broken(name="heavy", status="broken", why="its spec module imports torch", before="import torch"),
    Broken(name="typed", status="broken", why="is a dict, expected a PluginSpec", spec="", before="SPEC = {}"),
    Broken(name="field", status="broken", why="expected a tuple", spec="api=1, devices='cpu'"),
    Broken(
        name="computed",
        status="broken",
        why="expected a PluginSpec",
        spec="",
        before="class Spec(PluginSpec):\n    def __getattribute__(self, name): raise RuntimeError('no')\n"
        "SPEC = object.__new__(Spec)",
    ),
    Broken(name="empty", status="broken", why="cannot be read", spec="", before="SPEC = object.__new__(PluginSpec)"),
    Broken(
        name="evasive", status="broken", why="not today", spec="",
        before="def __getattr__(name): raise RuntimeError('not today')",
    ),
    Broken(name="malformed", status="broken", why="not of the form 'module:attribute'", value="acme malformed"),
    Broken(name="relative", status="broken", why="TypeError", value=".plugin:SPEC"),
    Broken(name="left-behind", status="broken", why="No module named 'acme_left_behind'", has_module=False),
    Broken(name="newer", status="incompatible", why="written for arch API 9", spec="api=9"),
    Broken(name="older", status="incompatible", why="written for arch API 0", spec="api=0"),
    Broken(
        name="unequipped", status="unavailable", why="needs no_such.kernels",
        spec="api=1, requires=(Requirement(module='no_such.kernels', hint='pip install no-such'),)",
    ),
    Broken(name="twin-one", status="conflict", why="two plugins provide arch 'twin'", announced="twin"),
    Broken(name="twin-two", status="conflict", why="two plugins provide arch 'twin'", announced="twin"),
    Broken(name="idle", status="ok", why="", before="import time; time.sleep(0.15)", slow=True),
    Broken(
        name="loud", status="ok", why="",
        before="import os, sys, warnings\nprint('noise')\nprint('noise', file=sys.stderr)\nwarnings.warn('noise')\n"
        "sys.path.insert(0, 'nowhere')",
    ),
    Broken(name="bad-options", status="ok", why="are not a dataclass", before="class Options: pass"),
    Broken(
        name="bad-factory", status="ok", why="could not be built: RuntimeError: no weights", kind="codec",
        before="from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Options: pass\n"
        "def build(options, **parts): raise RuntimeError('no weights')",
    ),
)  # fmt: skip
"""In the order of the issue they answer: imports, specs, metadata, versions, requirements, names, late surprises."""

HOOK = """
from valle_core.plugin import CommandSpec, HookSpec
from valle_core.registry.hooks import hookimpl
SPEC = HookSpec(name="misspelt", api=1, summary="made to fail", plugin="acme_misspelt:Listener")
class Listener:
    @hookimpl
    def train_stpe_end(self, step): ...
"""
"""A hook whose name has a typo: it is fine until a run loads it."""


def write_broken(folder: Path, *, slow: bool) -> int:
    """Put them into a folder that stands for site-packages, with `slow` those that are slow too; how many they are."""
    chosen = [one for one in BROKEN if slow or not one.slow]
    for one in chosen:
        module = f"acme_{one.name.replace('-', '_')}"
        name = one.announced or one.name
        _write(folder, one.name, f"valle.{one.kind}", name, one.value or f"{module}:SPEC")
        if one.has_module:
            (folder / f"{module}.py").write_text(_source(one, name, module), encoding="utf-8")
    _write(folder, "misspelt", "valle.hooks", "misspelt", "acme_misspelt:SPEC")
    (folder / "acme_misspelt.py").write_text(HOOK, encoding="utf-8")
    return len(chosen) + 1


def _source(one: Broken, name: str, module: str) -> str:
    head = f"from valle_core.plugin import PluginSpec, Requirement\n{one.before}\n"
    if not one.spec:
        return head
    return (
        f"{head}SPEC = PluginSpec(kind={one.kind!r}, name={name!r}, summary='made to fail', "
        f"factory='{module}:build', options='{module}:Options', {one.spec})\n"
    )


def _write(folder: Path, name: str, group: str, announced: str, value: str) -> None:
    """The metadata, with an author whose name is not UTF-8."""
    info = folder / f"acme_{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\nAuthor: J\xfcrgen\n\n"
    (info / "METADATA").write_bytes(text.encode("latin-1"))
    (info / "entry_points.txt").write_text(f"[{group}]\n{announced} = {value}\n", encoding="utf-8")
