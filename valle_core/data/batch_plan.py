"""The batches of one epoch, planned with lhotse's bucketing sampler.

lhotse buckets by duration and draws; the bound, the ranks and the resume are ours (see docs/adr).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from valle_core.data.options import BatchOptions

Batch = tuple[str, ...]

_BUFFER = 2000  # utterances lhotse looks at; it scans all of them for every batch


def plan_epoch(items: Sequence[tuple[str, str, float]], options: BatchOptions, *, seed: int, epoch: int) -> list[Batch]:
    """All batches of an epoch over (id, speaker, seconds); each id is in exactly one.

    A batch of n utterances whose longest lasts s seconds has n · s ≤ `options.seconds`. No item may last longer
    than `options.seconds`. A pure function of its arguments.
    """
    rng = Random(f"batches {seed} {epoch}")
    ordered = [*items]
    rng.shuffle(ordered)
    if options.order == "interleaved":
        batches = list(_draw(_interleave(ordered), options, shuffle=False, seed=0))
    else:
        groups = _by_speaker(ordered).values() if options.order == "by-speaker" else [ordered]
        batches = [b for group in groups for b in _draw(group, options, shuffle=True, seed=rng.getrandbits(32))]
        rng.shuffle(batches)  # lhotse visits the buckets in the same order every epoch
    planned = sum(len(batch) for batch in batches)
    if planned != len(items):
        raise RuntimeError(f"lhotse's sampler gave {planned} of {len(items)} utterances; please report this")
    return batches


def bucket_bounds(seconds: Sequence[float], buckets: int) -> list[float]:
    """Rising upper bounds of at most `buckets` groups that hold about equally much audio; the last is the longest."""
    from lhotse.dataset.sampling.dynamic_bucketing import estimate_duration_buckets

    buckets = min(buckets, len(seconds))
    inner: list[float] = []
    if buckets > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inner = estimate_duration_buckets([_cut("", second) for second in seconds], num_buckets=buckets)
    return sorted({float(bound) for bound in inner} | {max(seconds)})


def deal(batches: Sequence[Batch], world: int) -> list[list[Batch]]:
    """Steps of `world` batches, one per rank: every rank gets equally many, no utterance is given twice.

    Where the number of batches does not divide, the largest are halved, which keeps their bound. With fewer
    utterances than needed even so, the last few stay for another epoch.
    """
    batches = list(batches)
    while len(batches) % world:
        largest = max(range(len(batches)), key=lambda index: len(batches[index]))
        batch = batches[largest]
        if len(batch) < 2:
            break
        half = len(batch) // 2
        batches[largest : largest + 1] = [batch[:half], batch[half:]]
    return [batches[start : start + world] for start in range(0, len(batches) - world + 1, world)]


def _draw(
    items: Sequence[tuple[str, str, float]], options: BatchOptions, *, shuffle: bool, seed: int
) -> Iterator[Batch]:
    """Batches of like duration in lhotse's drawing order; few items get fewer buckets, so that batches fill."""
    from lhotse.dataset.sampling.dynamic_bucketing import DynamicBucketingSampler, FixedBucketBatchSizeConstraint

    seconds = [duration for _, _, duration in items]
    bounds = bucket_bounds(seconds, min(options.buckets, max(int(sum(seconds) / options.seconds), 1)))
    constraint = FixedBucketBatchSizeConstraint(
        max_seq_len_buckets=list(bounds), batch_sizes=[max(int(options.seconds / bound + 1e-9), 1) for bound in bounds]
    )
    sampler = DynamicBucketingSampler(
        _Cuts(items),
        constraint=constraint,
        duration_bins=list(bounds[:-1]),
        shuffle=shuffle,
        buffer_size=_BUFFER,
        sync_buckets=True,  # without it lhotse 1.33 may draw an empty bucket and end the epoch, losing the rest
        seed=seed,
        world_size=1,
        rank=0,
    )
    for batch in sampler:
        yield tuple(cut.id for cut in batch)


class _Cuts:
    """Items as lhotse cuts, made as they are asked for."""

    def __init__(self, items: Sequence[tuple[str, str, float]]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return (_cut(id, seconds) for id, _, seconds in self._items)


def _cut(id: str, seconds: float) -> Any:
    from lhotse import MonoCut

    return MonoCut(id=id, start=0.0, duration=seconds, channel=0)


def _by_speaker(items: Sequence[tuple[str, str, float]]) -> dict[str, list[tuple[str, str, float]]]:
    speakers: dict[str, list[tuple[str, str, float]]] = {}
    for item in items:
        speakers.setdefault(item[1], []).append(item)
    return speakers


def _interleave(items: Sequence[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """Speakers take turns; who has fewer utterances drops out earlier."""
    turns = [
        (turn, place, item)
        for place, of_speaker in enumerate(_by_speaker(items).values())
        for turn, item in enumerate(of_speaker)
    ]
    return [item for _, _, item in sorted(turns, key=lambda entry: entry[:2])]
