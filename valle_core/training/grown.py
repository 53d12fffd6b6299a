"""Weights of a model with other symbols or languages: every row goes to what it stood for, and new ones stay fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from valle_core.checkpoint.manifest import Manifest
from valle_core.model.codec_lm import CodecLM
from valle_core.reading.tensors import expanded


def fitted_weights(found: Mapping[str, Tensor], model: CodecLM, before: Manifest, now: Manifest) -> dict[str, Tensor]:
    """The tensors of `before`, expanded, with the rows of `now`; one of another shape altogether is left as it is."""
    fresh, moves = model.state_dict(), _moves(model, before, now)
    shapes = {name: (size, *fresh[name].shape[1:]) for name, (size, _) in moves.items()}
    weights = expanded(found, fresh | {name: fresh[name].new_empty(shape) for name, shape in shapes.items()})
    for name, (_, rows) in moves.items():
        if name in weights and weights[name].shape == shapes[name]:
            made = fresh[name].clone()
            made[[place for _, place in rows]] = weights[name][[was for was, _ in rows]]
            weights[name] = made
    return weights


def _moves(model: CodecLM, before: Manifest, now: Manifest) -> dict[str, tuple[int, list[tuple[int, int]]]]:
    """Tensors that have rows of symbols or languages: rows before, and (row before, row now) of each that stays."""
    counts = {kind: (len(getattr(before, kind)), len(getattr(now, kind))) for kind in ("symbols", "languages")}
    stored = replace(model.vocabulary, **{kind: count for kind, (count, _) in counts.items()})
    old, new = stored.ranges(), model.vocabulary.ranges()
    kept = {
        kind: [(was, getattr(now, kind).index(one)) for was, one in enumerate(getattr(before, kind)) if one in after]
        for kind, after in (("symbols", {*now.symbols}), ("languages", {*now.languages}))
    }
    table = [pair for name in new.keys() - {"language", "text"} for pair in zip(old[name], new[name], strict=True)]
    table += [(old["language"][was], new["language"][place]) for was, place in kept["languages"]]
    for was, place in kept["languages"] if stored.per_language_text else [(0, 0)]:
        starts = was * counts["symbols"][0], place * counts["symbols"][1]
        table += [(old["text"][starts[0] + a], new["text"][starts[1] + b]) for a, b in kept["symbols"]]
    moves = {"embedding.table": (stored.size, table)}
    for name, kind in getattr(model.alignment, "rows", {}).items():
        key, (less, more) = f"alignment.{name}", counts[kind]
        beyond = len(model.state_dict()[key]) - more  # rows of no symbol stand behind them
        moves[key] = (less + beyond, kept[kind] + [(less + row, more + row) for row in range(beyond)])
    return moves
