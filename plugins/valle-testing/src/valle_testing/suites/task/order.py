"""The part of the suite of tasks on what differs between processes, and on long texts, prompts and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.types import TaskInputs, Utterance
from valle_testing.contract import contract
from valle_testing.suites.task.pool import LEVELS, RATE, Build, CorpusPool, frames_of, same_inputs


class Salted(str):
    """Text whose hash depends on a salt, as that of all text does on the process (PYTHONHASHSEED)."""

    salt: int

    def __new__(cls, text: str, salt: int) -> Salted:
        made = super().__new__(cls, text)
        made.salt = salt
        return made

    def __hash__(self) -> int:
        return hash((str.__hash__(self), self.salt, "salted"))

    __eq__ = str.__eq__


class SaltedPool:
    """A `CorpusPool` as another process sees it: the same ids and speakers, with other hashes."""

    def __init__(self, salt: int) -> None:
        self._salt = salt
        self._pool = CorpusPool(utterances=9)

    def ids(self) -> list[str]:
        """All ids, sorted."""
        return [Salted(id, self._salt) for id in self._pool.ids()]

    def utterance(self, id: str) -> Utterance:
        """One of them."""
        found = self._pool.utterance(str(id))
        return replace(found, id=Salted(found.id, self._salt), speaker=Salted(found.speaker, self._salt))

    def speakers(self) -> Sequence[str]:
        """See `Pool.speakers`."""
        return [Salted(one, self._salt) for one in self._pool.speakers()]

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """See `Pool.other`."""
        return [Salted(id, self._salt) for id in self._pool.other(str(speaker), str(exclude))]

    def similar(self, id: str, n: int, *, across: bool = False) -> Sequence[str]:
        """See `Pool.similar`."""
        return [Salted(one, self._salt) for one in self._pool.similar(str(id), n, across=across)]

    def codes(self, id: str) -> Int[Tensor, "F Q"]:
        """See `Pool.codes`."""
        return self._pool.codes(str(id))

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Int[Tensor, "F Q"]:
        """See `Pool.noise`."""
        return self._pool.noise(frames, rng, label=label)

    def mix(self, a: Int[Tensor, "F Q"], b: Int[Tensor, "G Q"], db: float) -> Int[Tensor, "F Q"]:
        """See `Pool.mix`."""
        return self._pool.mix(a, b, db)

    def mix_all(
        self, pairs: Sequence[tuple[Int[Tensor, "F Q"], Int[Tensor, "G Q"], float]]
    ) -> Sequence[Int[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        return self._pool.mix_all(pairs)


@contract("Pool", "Equal questions get equal answers, in whichever process they are asked.")
def draws_alike_in_every_process(build: Build) -> None:
    """Equal seeds give equal inputs whatever the hashes of ids and speakers are, as they differ between processes."""
    for id in SaltedPool(0).ids()[::5]:
        for seed in range(6):
            pools = [SaltedPool(salt) for salt in range(4)]
            first, *others = (build().draw(p.utterance(id), p, Random(seed), frame_rate=RATE) for p in pools)
            for other in others:
                assert same_inputs(first, other), (
                    f"seed {seed} gives other inputs for '{id}' where text has other hashes, as in another process: "
                    "a set or a hash decides"
                )


@contract("Task", "Builds sequences, the same way for training and synthesis.")
def composes_long_inputs_whole(build: Build) -> None:
    """A text of 700 symbols, a prompt of 1,100 frames and a response of 1,300: nothing is cut at any level."""
    task = build()
    inputs = TaskInputs(
        text=torch.arange(700), language=3, prompt=frames_of(10_000, 1100), response=frames_of(30_000, 1300)
    )
    for level in range(LEVELS if task.output == "codes" else 1):
        for training in (True, False):
            row = task.compose(inputs, level, training=training)
            for segment in row.segments:
                wanted = {"text": 700, "prompt": 1100}.get(segment.role)
                if task.output == "codes" and segment.role == "response":
                    wanted = 1300
                found = len(segment.tokens)
                assert wanted is None or found == wanted, (
                    f"level {level}: {found} of {wanted} positions of the {segment.role} are laid out"
                )
            if training and task.output == "codes":
                assert row.target is not None, f"level {level}: there is no target in training"
                assert len(row.target) == 1300, f"level {level}: the target has {len(row.target)} of 1300 frames"


ORDER_CHECKS: tuple[Callable[..., None], ...] = (draws_alike_in_every_process, composes_long_inputs_whole)
"""Each takes `(build)`."""
