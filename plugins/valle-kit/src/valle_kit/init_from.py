"""A new run from the weights of another: rows go to the symbols, languages and tasks they stood for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from valle_core.checkpoint.folder import read_manifest, read_tensors, saved_file
from valle_core.checkpoint.manifest import Manifest
from valle_core.codes.identity import require_same
from valle_core.model.codec_lm import CodecLM
from valle_core.reading.tensors import check_tensors, expanded
from valle_core.registry.identity import changes, warn
from valle_core.training.restore import fitting, refuse_other_parts


def start_from(model: CodecLM, checkpoint: Path, wanted: Manifest, model_config: str) -> None:
    """Fill a new run's model with the weights of another run; what differs, or is new to them, is told.

    Raises:
        UserError: a damaged checkpoint, or one of another shape, other codes, arch or rewrites.
    """
    manifest = read_manifest(checkpoint)
    require_same(manifest.codec, wanted.codec, f"{checkpoint} was trained on codes of")
    for line in changes(manifest.plugins, wanted.plugins, str(checkpoint)):
        warn(line)
    refuse_other_parts(manifest, wanted, checkpoint, f"give the same: --config {checkpoint / 'model.yaml'}")
    weights = read_tensors(checkpoint, "model")
    with fitting(checkpoint, f"give the options of its run: --config {checkpoint / 'model.yaml'}"):
        weights = fitted_weights(weights, model, manifest, wanted)
        check_tensors(weights, model.state_dict())
    for name in ("symbols", "languages"):
        if new := [one for one in getattr(wanted, name) if one not in getattr(manifest, name)]:
            warn(f"{checkpoint} does not know the {name} {' '.join(new[:8])}; they start untrained")
    before = _leaves(yaml.safe_load(saved_file(checkpoint, "model.yaml").read_text(encoding="utf-8")))
    now = _leaves(yaml.safe_load(model_config))
    for key in sorted(before.keys() & now.keys()):
        if before[key] != now[key]:
            warn(f"{checkpoint} was trained with {key} {before[key]}, this run has {now[key]}")
    model.load_state_dict(weights)


def fitted_weights(found: Mapping[str, Tensor], model: CodecLM, before: Manifest, now: Manifest) -> dict[str, Tensor]:
    """The tensors of `before`, expanded, with the rows of `now`; one of another shape altogether is left as it is."""
    fresh, moves = model.state_dict(), _moves(model, before, now)
    shapes = {name: (size, *fresh[name].shape[1:]) for name, (size, _) in moves.items()}
    answers = [name for name in fresh if name.startswith("heads.answers.") and not before.writes]
    found = {name: tensor for name, tensor in found.items() if now.writes or not name.startswith("heads.answers.")}
    found = {name: tensor for name, tensor in found.items() if name in fresh or not name.startswith("draft.")}
    drafts = [name for name in fresh if name.startswith("draft.") and name not in found]
    found |= {name: fresh[name] for name in (*answers, *drafts)}
    weights = expanded(found, fresh | {name: fresh[name].new_empty(shape) for name, shape in shapes.items()})
    for name, (_, rows) in moves.items():
        if name in weights and weights[name].shape == shapes[name]:
            made = fresh[name].clone()
            made[[place for _, place in rows]] = weights[name][[was for was, _ in rows]]
            weights[name] = made
    return weights


def _moves(model: CodecLM, before: Manifest, now: Manifest) -> dict[str, tuple[int, list[tuple[int, int]]]]:
    """Tensors with rows of symbols, languages or tasks: rows before, and (row before, row now) of each that stays."""
    counts = {kind: (len(getattr(before, kind)), len(getattr(now, kind))) for kind in ("symbols", "languages")}
    stored = replace(
        model.vocabulary,
        **{kind: count for kind, (count, _) in counts.items()},
        tasks=max(1, len(before.task_tokens)),
        writes=before.writes,
    )
    old, new = stored.ranges(), model.vocabulary.ranges()
    kept = {
        kind: [(was, getattr(now, kind).index(one)) for was, one in enumerate(getattr(before, kind)) if one in after]
        for kind, after in (("symbols", {*now.symbols}), ("languages", {*now.languages}))
    }
    alike = old.keys() & new.keys() - {"language", "text", "task", "symbols"}
    table = [pair for name in alike for pair in zip(old[name], new[name], strict=True)]
    tokens = {one: place for place, one in enumerate(now.task_tokens)}
    stays = [(was, tokens[one]) for was, one in enumerate(before.task_tokens) if one in tokens]
    unnamed = [] if before.task_tokens or now.task_tokens else [(0, 0)]  # a row that nothing reads stays what it is
    table += [(old["task"][was], new["task"][place]) for was, place in stays or unnamed]
    table += [(old["language"][was], new["language"][place]) for was, place in kept["languages"]]
    for was, place in kept["languages"] if stored.per_language_text else [(0, 0)]:
        starts = was * counts["symbols"][0], place * counts["symbols"][1]
        table += [(old["text"][starts[0] + a], new["text"][starts[1] + b]) for a, b in kept["symbols"]]
    moves = {"embedding.table": (stored.size, table)}
    if before.writes and now.writes:
        table += [(old["symbols"][was], new["symbols"][place]) for was, place in kept["symbols"]]
        for name in ("weight", "bias"):  # the stop token stands behind the symbols
            moves[f"heads.answers.symbols.{name}"] = (counts["symbols"][0] + 1, [*kept["symbols"], counts["symbols"]])
    for name, kind in getattr(model.alignment, "rows", {}).items():
        key, (less, more) = f"alignment.{name}", counts[kind]
        beyond = len(model.state_dict()[key]) - more  # rows of no symbol stand behind them
        moves[key] = (less + beyond, kept[kind] + [(less + row, more + row) for row in range(beyond)])
    return moves


def _leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """`arch.d_model` → 32 for every value of nested mappings."""
    if not isinstance(tree, Mapping):
        return {path: tree}
    return {
        key: leaf for name, item in tree.items() for key, leaf in _leaves(item, f"{path}.{name}".strip(".")).items()
    }
