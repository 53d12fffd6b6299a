"""Rows of tasks → one right-padded batch of table indices, positions, masks and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from valle_core.plugin import UserError
from valle_core.sequence.alignment import SpokenText
from valle_core.sequence.layout import Layout, arranged
from valle_core.sequence.masking import MASKED, answered
from valle_core.sequence.vocabulary import Vocabulary, response_range
from valle_core.types import HostNumbers, PackedMask, Segment, SequenceMask, TaskSequence

Answer = int | str
"""What is predicted at a position: codes of a level, or an output that is not codes."""

MARKERS = ("language", "level", "tone")
"""Roles that are one token, or a vector summed into every position of the row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackRules:
    """How segments become table indices.

    Attributes:
        vocabulary: ranges of the table.
        sum_prompt: a prompt frame is the sum of all its levels, else only the row's level.
        sum_response: a response frame is the sum of all visible levels, else only the newest.
        sum_markers: language, level and tone are added to every position instead of standing as tokens.
        layout: order in which the model reads the segments.
        aligned: an alignment says the text frame by frame, so that it is no segment, and decides where a row ends.
        tasks: names of the tasks that have a token, in the order of the table.
    """

    vocabulary: Vocabulary
    sum_prompt: bool = True
    sum_response: bool = True
    sum_markers: bool = False
    layout: Layout = "text-first"
    aligned: bool = False
    tasks: tuple[str, ...] = ()

    def standing(self, row: TaskSequence) -> tuple[Segment, ...]:
        """Segments of the row that take positions, in the model's order."""
        return tuple(
            segment
            for segment in arranged(row, self.layout)
            if not ((self.sum_markers and segment.role in MARKERS) or (self.aligned and segment.role == "text"))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictedPositions:
    """The positions of a batch at which one level is predicted.

    Attributes:
        positions: [K] indices into the flattened [B · T] states.
        targets: [K] codes (V = stop, level 0 only), or None at synthesis.
        tasks: [K] places in `RowBatch.tasks`.
    """

    positions: Int[Tensor, "K"]
    targets: Int[Tensor, "K"] | None
    tasks: Int[Tensor, "K"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EndToEnd:
    """Rows without their padding.

    Attributes:
        mask: of the rows, as segments of one.
        places: [N] places of the positions in padded rows.
        width: T of those.
    """

    mask: PackedMask
    places: Int[Tensor, "N"]
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RowBatch:
    """A batch the model can run.

    Attributes:
        indices: [M] table rows of all positions, concatenated.
        offsets: [B · T] where each position's indices start; a padded position has none.
        mask: lengths and who sees whom.
        positions: [B, T] position ids.
        levels: [R] level that each row predicts.
        predicted: level (or output that is not codes) → where it is predicted; `MASKED` for a masked level 0.
        filled: [R] frames of a masked row of level 0, which stand at its end; 0 for other rows.
        text: what an alignment reads, where the rules say that there is one.
        tasks: names of the rows' tasks, each once.
        packed: how the R rows lie end to end, where they do: B is 1 then; else R is B.
    """

    indices: Int[Tensor, "M"]
    offsets: Int[Tensor, "BT"]
    mask: SequenceMask
    positions: Int[Tensor, "B T"]
    levels: Int[Tensor, "R"]
    filled: Int[Tensor, "R"]
    predicted: dict[Answer, PredictedPositions] = field(default_factory=dict)
    text: SpokenText | None = None
    tasks: tuple[str, ...] = ()
    packed: EndToEnd | None = None

    def to(self, device: torch.device) -> RowBatch:
        """The same batch on `device`, which nobody has to wait for: neither for the copies nor to read the mask."""
        return _moved(self, device)


def pack(rows: Sequence[TaskSequence], rules: PackRules) -> RowBatch:
    """Lay the rows out as one batch, each in the order of `rules.layout`.

    At level 0 the position before the response and each response position predict the next code, the last one
    the stop token (left out where an alignment ends the row); at levels ≥ 1 each response position predicts its own
    code, in a masked row of level 0 those with a hidden one. A separator follows every segment but the response,
    which is last. Without a target, level-0 rows are predicted at their last position only, masked ones at every frame.
    """
    vocabulary = rules.vocabulary
    ranges = vocabulary.ranges()
    indexed = [_index_row(row, rules, ranges) for row in rows]
    lengths = torch.tensor([counts.numel() for _, counts in indexed])
    B, T = len(rows), int(lengths.max())
    counts = torch.zeros(B, T, dtype=torch.long)
    for b, (_, row_counts) in enumerate(indexed):
        counts[b, : row_counts.numel()] = row_counts
    flat = counts.view(-1)
    tasks = tuple(dict.fromkeys(row.task for row in rows))
    return RowBatch(
        indices=torch.cat([indices for indices, _ in indexed]),
        offsets=flat.cumsum(0) - flat,
        mask=_mask(rows, lengths, T),
        positions=torch.arange(T).expand(B, T),
        levels=torch.tensor([row.level for row in rows]),
        filled=torch.tensor([len(row.segments[-1].tokens) * (answered(row) == MASKED) for row in rows]),
        predicted=_predicted(rows, lengths, T, rules, tasks),
        text=_text(rows, lengths) if rules.aligned else None,
        tasks=tasks,
    )


def _moved(value: Any, device: torch.device) -> Any:
    """The same with every tensor in it on `device`."""
    if isinstance(value, dict):
        return {key: _moved(item, device) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        before = {item.name: getattr(value, item.name) for item in fields(value)}
        after = {name: _moved(item, device) for name, item in before.items()}
        if isinstance(value, SequenceMask | PackedMask):
            names = [name for name in ("lengths", "query_start", "offsets", "prefix") if name in before]
            after["host"] = HostNumbers(tuple((after[name], before[name].tolist()) for name in names))
        return replace(value, **after)
    if not isinstance(value, Tensor):
        return value
    return (value.pin_memory() if device.type == "cuda" else value).to(device, non_blocking=True)


def row_length(row: TaskSequence, rules: PackRules) -> int:
    """Positions `pack` gives the row, separators included."""
    standing = rules.standing(row)
    return sum(segment.tokens.shape[0] for segment in standing) + len(standing) - 1


def marker_indices(row: TaskSequence, rules: PackRules) -> list[int]:
    """Table rows that stand in every position of `row`: language, level and tone where markers are summed."""
    ranges = rules.vocabulary.ranges()
    if not rules.sum_markers:
        return []
    found = [segment for segment in row.segments if segment.role in MARKERS and segment.role not in row.without]
    return [ranges[segment.role].start + int(segment.tokens[0]) for segment in found]


def _mask(rows: Sequence[TaskSequence], lengths: Tensor, T: int) -> SequenceMask:
    causal = torch.tensor([row.causal for row in rows])
    form = "causal" if all(row.causal for row in rows) else "mixed" if any(row.causal for row in rows) else "full"
    zeros = torch.zeros_like(lengths)
    return SequenceMask(
        lengths=lengths,
        prefix=torch.where(causal, zeros, lengths),
        query_start=zeros,
        form=form,
        padded=bool((lengths != T).any()),
        uncached=True,
    )


def _predicted(
    rows: Sequence[TaskSequence], lengths: Tensor, T: int, rules: PackRules, tasks: tuple[str, ...]
) -> dict[Answer, PredictedPositions]:
    positions: dict[Answer, list[Tensor]] = {}
    targets: dict[Answer, list[Tensor]] = {}
    places: dict[Answer, list[Tensor]] = {}
    for b, row in enumerate(rows):
        codes = row.output == "codes"
        answer = answered(row) if codes else row.output
        stop = None if codes and rules.aligned else rules.vocabulary.stop_of(row.output)
        end = b * T + int(lengths[b])
        frames = row.segments[-1].tokens.shape[0]
        if row.causal and row.target is None:
            where = torch.arange(end - 1, end)
        elif row.causal:
            where = torch.arange(end - frames - 1, end - (stop is None))
        else:
            where = torch.arange(end - frames, end)
        target = row.target
        if answer == MASKED and target is not None:
            hidden = row.segments[-1].tokens[:, 0] == rules.vocabulary.mask
            where, target = where[hidden], target[hidden]
        elif row.causal and target is not None and stop is not None:
            target = torch.cat([target, target.new_full((1,), stop)])
        positions.setdefault(answer, []).append(where)
        places.setdefault(answer, []).append(torch.full_like(where, tasks.index(row.task)))
        if target is not None:
            targets.setdefault(answer, []).append(target)
    return {
        answer: PredictedPositions(
            positions=torch.cat(found),
            targets=torch.cat(targets[answer]) if answer in targets else None,
            tasks=torch.cat(places[answer]),
        )
        for answer, found in sorted(positions.items(), key=lambda item: (isinstance(item[0], str), item[0]))
    }


def _text(rows: Sequence[TaskSequence], lengths: Tensor) -> SpokenText:
    """The texts of rows that an alignment says. Raises `UserError` where it is needed and not known when."""
    texts = [next(s.tokens for s in row.segments if s.role == "text") for row in rows]
    frames = torch.tensor([row.segments[-1].tokens.shape[0] for row in rows])
    known = [row.times for row in rows if row.times is not None]
    if len(known) < len(rows) and any(row.target is not None or answered(row) for row in rows):
        raise UserError("the model reads its text with an alignment, which this task does not give. Use --task tts")
    symbols = pad_sequence(texts, batch_first=True)
    times = symbols.new_zeros(len(known), symbols.shape[1] + 1, dtype=torch.float32)
    for b, found in enumerate(known):
        times[b] = found[-1]
        times[b, : len(found)] = found
    return SpokenText(
        symbols=symbols,
        lengths=torch.tensor([len(text) for text in texts]),
        languages=torch.tensor([row.language for row in rows]),
        levels=torch.tensor([answered(row) for row in rows]),
        start=lengths - frames,
        frames=frames,
        conditioned=torch.tensor(["text" not in row.without for row in rows]),
        times=times if len(known) == len(rows) else None,
    )


def _index_row(row: TaskSequence, rules: PackRules, ranges: dict[str, range]) -> tuple[Tensor, Tensor]:
    """Indices of all positions, concatenated, and how many each position has."""
    separator = torch.full((1, 1), ranges["separator"].start)
    markers = marker_indices(row, rules)
    parts: list[Tensor] = []  # each [positions, K]
    for segment in rules.standing(row):
        if segment.role in MARKERS:
            part = torch.tensor([[ranges[segment.role].start + int(segment.tokens[0])]])
        else:
            part = _index_segment(segment, row, rules, ranges)
        parts.append(part)
        if segment.role != "response":
            parts.append(separator)
    if markers:
        extra = torch.tensor(markers)
        parts = [torch.cat([p, extra.expand(p.shape[0], -1)], dim=1) for p in parts]
    counts = torch.cat([torch.full((p.shape[0],), p.shape[1]) for p in parts])
    return torch.cat([p.reshape(-1) for p in parts]), counts


def _index_segment(segment: Segment, row: TaskSequence, rules: PackRules, ranges: dict[str, range]) -> Tensor:
    """[positions, K] table indices of a text, task, prompt, source or response segment."""
    tokens, vocabulary = segment.tokens, rules.vocabulary
    if segment.role == "text":
        start = ranges["text"].start
        if vocabulary.per_language_text:
            start += row.language * vocabulary.symbols
        return (tokens + start).unsqueeze(1)
    if segment.role == "task":
        if row.task not in rules.tasks:
            known = ", ".join(rules.tasks) or "none"
            raise UserError(f"the model was not trained for the task '{row.task}'. Tasks with a token: {known}")
        return (tokens + ranges["task"].start + rules.tasks.index(row.task)).unsqueeze(1)
    if segment.role in ("prompt", "source"):
        starts = torch.tensor([ranges[f"prompt:{level}"].start for level in range(vocabulary.num_levels)])
        tokens = tokens[:, : vocabulary.num_levels]
        codes = torch.where(tokens < 0, ranges["NAR:0:0"].start + vocabulary.mask, tokens + starts)
        return codes if rules.sum_prompt else codes[:, row.level : row.level + 1]
    if segment.role == "letters" or row.output != "codes":
        return tokens.reshape(-1, 1) + ranges[row.output if segment.role == "response" else "letters"].start
    # A code of level j is read by the range that predicts level j + 1; level-0 rows read their own level.
    level0 = "NAR:0:0" if answered(row) == MASKED else response_range(0)
    names = [response_range(level) for level in range(1, row.level + 1)] or [level0]
    starts = torch.tensor([ranges[name].start for name in names])
    codes = tokens + starts
    return codes if rules.sum_response else codes[:, -1:]
