"""Weights of a model with fewer symbols or languages, for one that has more: every row goes to what it stood for."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from valle_core.checkpoint.manifest import Manifest
from valle_core.sequence.vocabulary import Vocabulary


def fitted_table(
    table: Float[Tensor, "R D"], fresh: Float[Tensor, "S D"], vocabulary: Vocabulary, before: Manifest, now: Manifest
) -> Float[Tensor, "_ D"]:
    """The embedding table of `before` in the order of `now` and its `vocabulary`; what is new keeps its fresh rows."""
    stored = replace(vocabulary, symbols=len(before.symbols), languages=len(before.languages))
    if table.shape != (stored.size, fresh.shape[1]):
        return table  # of another shape altogether, which is refused where all shapes are compared
    old, new, made = stored.ranges(), vocabulary.ranges(), fresh.detach().clone()
    for name, rows in new.items():
        if name not in ("language", "text"):
            made[rows.start : rows.stop] = table[old[name].start : old[name].stop]
    languages, symbols = (
        [(index, after.index(name)) for index, name in enumerate(first) if name in after]
        for first, after in ((before.languages, now.languages), (before.symbols, now.symbols))
    )
    for was, place in languages:
        made[new["language"].start + place] = table[old["language"].start + was]
    for was_language, language in languages if vocabulary.per_language_text else [(0, 0)]:
        source = old["text"].start + was_language * len(before.symbols)
        target = new["text"].start + language * len(now.symbols)
        for was, place in symbols:
            made[target + place] = table[source + was]
    return made
