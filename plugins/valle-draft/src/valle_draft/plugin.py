"""What the distribution offers, said without importing torch."""

from __future__ import annotations

from valle_core.plugin import PluginSpec, ReferenceSpec

HEADS = PluginSpec(
    kind="draft",
    name="heads",
    api=1,
    summary="A small recurrent layer that drafts the next frames, for several of them a step",
    factory="valle_draft.heads:build",
    options="valle_draft.options:HeadsOptions",
    paper="arXiv 2403.09919",
)

LAYER_SKIP = PluginSpec(
    kind="draft",
    name="layer-skip",
    api=1,
    summary="LayerSkip: the first layers draft, the others check, over one cache",
    factory="valle_draft.layer_skip:build",
    options="valle_draft.options:LayerSkipOptions",
    needs={"arch": frozenset({"rewind"})},
    paper="arXiv 2404.16710",
)

GROUPED = PluginSpec(
    kind="draft",
    name="grouped",
    api=1,
    summary="Grouped codes: the backbone reads and answers several frames as one position",
    factory="valle_draft.grouped:build",
    options="valle_draft.options:GroupedOptions",
    paper="arXiv 2406.05370",
)

DECODE = ReferenceSpec(
    name="draft-decode",
    api=1,
    summary="Greedy decoding of arch 'llama' with drafts against one token a step",
    bench="decode",
    title="drafts",
    loads="valle_draft.bench_decode:compare",
)
