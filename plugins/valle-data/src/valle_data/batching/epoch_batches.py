"""The batches of one epoch: bucketed by duration, bounded, drawn in an order that every machine repeats.

Utterances are numbers 0 … N − 1 here; nothing is a Python object per utterance (see docs/adr/batches-planned-here).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64

from valle_core.data.options import BatchOptions

BATCHES_VERSION = 3
"""Changes whenever equal arguments give other batches, so that a resume is refused rather than wrong."""


@dataclass(frozen=True, slots=True)
class EpochBatches:
    """Batches laid end to end.

    Attributes:
        utterances: numbers of all utterances.
        starts: [M + 1] where each batch begins, and the end.
    """

    utterances: Int[np.ndarray, "n"]
    starts: Int[np.ndarray, "M_plus_1"]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, batch: int) -> Int[np.ndarray, "b"]:
        return self.utterances[self.starts[batch] : self.starts[batch + 1]]

    def sizes(self) -> Int[np.ndarray, "M"]:
        """Utterances of each batch."""
        return np.diff(self.starts)

    def picked(self, batches: Int[np.ndarray, "m"]) -> EpochBatches:
        """These batches in this order."""
        sizes = self.sizes()[batches]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
        return EpochBatches(self.utterances[np.repeat(self.starts[:-1][batches], sizes) + inside], starts)


def batches_of_epoch(
    seconds: Float[np.ndarray, "N"], speakers: Int[np.ndarray, "N"], options: BatchOptions, *, seed: int, epoch: int
) -> EpochBatches:
    """All batches of an epoch; each utterance is in exactly one.

    A batch of n > 1 utterances of which the longest takes s seconds has n · s ≤ `options.seconds`. A pure function of
    its arguments, on every machine and with every version of numpy.
    """
    ordered = permutation(len(seconds), f"utterances {seed} {epoch}")
    if options.order == "interleaved":
        return _in_turn(seconds, _interleave(speakers, ordered), options)
    if options.order == "random":
        batches = _in_turn(seconds, ordered, options)
    else:
        grouped = ordered[np.argsort(speakers[ordered], kind="stable")]
        edges = np.flatnonzero(np.diff(speakers[grouped])) + 1
        batches = _joined([_in_turn(seconds, group, options) for group in np.split(grouped, edges)])
    return batches.picked(permutation(len(batches), f"batches {seed} {epoch}"))


def permutation(count: int, key: str) -> Int[np.ndarray, "N"]:
    """0 … count − 1 in an order drawn by `key`: sorted by the SplitMix64 of (key, number)
    (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 17)."""
    start = np.uint64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big"))
    z: UInt64[np.ndarray, "N"] = start + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(z ^ (z >> np.uint64(31)), kind="stable")


def bucket_bounds(seconds: Float[np.ndarray, "N"], buckets: int) -> Float[np.ndarray, "K"]:
    """Rising upper bounds of at most `buckets` groups that hold about equally much audio; the last is the longest."""
    ordered = np.sort(seconds)
    audio = np.cumsum(ordered)
    inner = np.searchsorted(audio, audio[-1] * np.arange(1, buckets) / buckets)
    return np.unique(np.append(ordered[inner], ordered[-1]))


def deal(batches: EpochBatches, world: int) -> EpochBatches:
    """Batches whose number divides by `world`: rank r of step k reads batch k · world + r; no utterance comes twice.

    Where the number does not divide, the largest are halved, which keeps their bound. With fewer utterances than
    needed even so, the last few stay for another epoch.
    """
    starts, utterances = batches.starts, batches.utterances
    while (len(starts) - 1) % world:
        sizes = np.diff(starts)
        largest = int(np.argmax(sizes))
        if sizes[largest] < 2:
            break
        starts = np.insert(starts, largest + 1, starts[largest] + sizes[largest] // 2)
    kept = (len(starts) - 1) // world * world
    return EpochBatches(utterances[: starts[kept]], starts[: kept + 1])


def _in_turn(seconds: Float[np.ndarray, "N"], ordered: Int[np.ndarray, "n"], options: BatchOptions) -> EpochBatches:
    """Each bucket fills its batches in the order given; a batch comes when its last utterance has come.

    Little audio gets fewer buckets, so that batches fill.
    """
    of = seconds[ordered]
    bounds = bucket_bounds(of, min(options.buckets, max(int(of.sum() / options.seconds), 1)))
    bucket = np.searchsorted(bounds, of)  # the first whose bound is not below
    full = np.maximum((options.seconds / bounds + 1e-9).astype(np.int64), 1)
    places = np.argsort(bucket, kind="stable")  # bucket after bucket, each in the order given
    first = np.searchsorted(bucket[places], np.arange(len(bounds)))
    inside = np.arange(len(places)) - first[bucket[places]]
    starts = np.append(np.flatnonzero(inside % full[bucket[places]] == 0), len(places))
    return EpochBatches(ordered[places], starts).picked(np.argsort(places[starts[1:] - 1]))


def _interleave(speakers: Int[np.ndarray, "N"], ordered: Int[np.ndarray, "N"]) -> Int[np.ndarray, "N"]:
    """Speakers take turns, in the order in which they first come; who has fewer utterances drops out earlier."""
    _, come, who = np.unique(speakers[ordered], return_index=True, return_inverse=True)
    grouped = np.argsort(who, kind="stable")
    turn = np.empty(len(ordered), np.int64)
    turn[grouped] = np.arange(len(ordered)) - np.searchsorted(who[grouped], np.arange(len(come)))[who[grouped]]
    return ordered[np.lexsort((come[who], turn))]


def _joined(groups: list[EpochBatches]) -> EpochBatches:
    starts = np.concatenate([[0], np.cumsum(np.concatenate([group.sizes() for group in groups]))]).astype(np.int64)
    return EpochBatches(np.concatenate([group.utterances for group in groups]), starts)
