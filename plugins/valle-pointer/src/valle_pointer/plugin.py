"""What this distribution offers: the alignment `pointer` (standard library only)."""

from __future__ import annotations

from valle_core.plugin import PluginSpec

POINTER = PluginSpec(
    kind="alignment",
    name="pointer",
    api=1,
    summary="A pointer to the phoneme of each frame, which stays or advances: no skips, repeats or run-ons",
    factory="valle_pointer.pointer:build",
    options="valle_pointer.options:PointerOptions",
    capabilities=frozenset({"branching"}),
    paper="after arXiv 2406.07855 and 2404.03204",
)
