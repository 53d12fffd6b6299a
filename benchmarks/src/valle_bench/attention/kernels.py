"""The kernels that take part: every plugin of the kind attention, and what references bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valle_bench.attention.settings import EAGER
from valle_bench.reference import load_references, references_of
from valle_core.assemble.part import build
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import PluginSpec, UserError
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry
from valle_kit.mixed_rows import MixedRows


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel that is ready.

    Attributes:
        call: takes mixed and packed rows whatever the plugin declares, as in a backbone.
        dtypes: it runs in; () for any.
    """

    call: AttentionKernel
    dtypes: tuple[str, ...] = ()


def names_of(registry: Registry, wanted: Sequence[str], device: str) -> tuple[list[str], dict[str, str]]:
    """The plugins to measure, `eager` first, and why the others that are known cannot be.

    Another name of the same thing (the same factory and options) is not measured twice.

    Args:
        wanted: those that were asked for, with `eager` beside them; all where there are none.
        device: torch device type.

    Raises:
        UserError: one that is asked for is not there or broken.
    """
    for name in wanted:
        registry.find("attention", name)
    usable: list[str] = []
    made: dict[tuple[str, str], str] = {}
    left: dict[str, str] = {}
    for entry in sorted(registry.entries("attention"), key=lambda entry: (entry.name != EAGER, entry.name)):
        asked = entry.name in wanted
        if (wanted and not asked and entry.name != EAGER) or (entry.status == "not-installed" and not asked):
            continue
        if entry.status != "ok" or not isinstance(entry.spec, PluginSpec):
            left[entry.name] = entry.why or entry.status
        elif device not in (entry.spec.devices or (device,)):
            left[entry.name] = f"needs {' or '.join(entry.spec.devices)}, found {device}"
        elif (same := made.get((entry.spec.factory, entry.spec.options))) and not asked:
            left[entry.name] = f"another name of {same}"
        else:
            made.setdefault((entry.spec.factory, entry.spec.options), entry.name)
            usable.append(entry.name)
    return usable, left


def load_kernels(registry: Registry, names: Sequence[str]) -> tuple[dict[str, Kernel], dict[str, str]]:
    """The kernels by name, references behind, and for each name "" or why it is not among them."""
    kernels: dict[str, Kernel] = {}
    notes: dict[str, str] = {}
    for name in names:
        try:
            kernels[name], notes[name] = _load(registry, name), ""
        except UserError as error:
            notes[name] = str(error)
        except Exception as error:  # another's code must not end the run
            notes[name] = f"cannot be loaded: {one_line(error)}"
    loaded, whys = load_references(references_of(registry, "attention"))
    kernels |= {title: Kernel(call) for title, call in loaded.items()}
    return kernels, notes | whys


def _load(registry: Registry, name: str) -> Kernel:
    selected = registry.select("attention", name)
    kernel = build(selected, selected.options_type()())
    return Kernel(MixedRows(kernel, selected.spec.capabilities), selected.spec.dtypes)
