"""The pool of a training run: a dataset's utterances and what was given beside them (noise, mixes, similar ones)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from jaxtyping import Integer
from torch import Tensor

from valle_core.data.dataset import Dataset
from valle_core.data.storage import Mixes, Neighbours, Noise, Pair
from valle_core.plugin import UserError
from valle_core.registry.directory import service
from valle_core.types import Utterance


class TrainingPool:
    """See `valle_core.types.Pool`.

    Args:
        dataset: whose utterances it gives.
        noise: or None.
        open_mixer: called when a task first mixes; None where there is no codec.
    """

    def __init__(
        self, dataset: Dataset, *, noise: Noise | None = None, open_mixer: Callable[[], Mixes] | None = None
    ) -> None:
        self.dataset = dataset
        self._noise, self._open_mixer = noise, open_mixer
        self._mixer: Mixes | None = None
        self._similar: dict[bool, Neighbours] = {}

    @property
    def noise_hash(self) -> str:
        """Equal for equal noise sets; "" without one."""
        return self._noise.hash if self._noise else ""

    def utterance(self, id: str) -> Utterance:
        """One utterance as training sees it."""
        return self.dataset.utterance(id)

    def speakers(self) -> Sequence[str]:
        """See `Pool.speakers`."""
        return self.dataset.speakers()

    def other(self, speaker: str, exclude: str) -> Sequence[str]:
        """See `Pool.other`."""
        return self.dataset.other(speaker, exclude)

    def similar(self, id: str, n: int, *, across: bool = False) -> Sequence[str]:
        """See `Pool.similar`; the index is opened when it is first asked for."""
        if across not in self._similar:
            folder, manifest = self.dataset.path, self.dataset.manifest
            open_index = service("similar", f"a task asks for similar utterances of '{folder}'")
            self._similar[across] = open_index(folder, manifest, across=across)
        return self.dataset.nearest(self._similar[across], id, n)

    def codes(self, id: str) -> Integer[Tensor, "F Q"]:
        """See `Pool.codes`."""
        return self.dataset.codes(id)

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Integer[Tensor, "F Q"]:
        """See `Pool.noise`."""
        if self._noise is None:
            raise UserError(
                "a task asks for noise and there is no noise set. Make one with "
                "`valle prepare-noise RECORDINGS --out noise` and name it with --data.noise noise"
            )
        return self._noise.noise(frames, rng, label=label)

    def mix(self, a: Integer[Tensor, "F Q"], b: Integer[Tensor, "G Q"], db: float) -> Integer[Tensor, "F Q"]:
        """See `Pool.mix`."""
        return self.mix_all([(a, b, db)])[0]

    def mix_all(self, pairs: Sequence[Pair]) -> Sequence[Integer[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        if self._mixer is None:
            if self._open_mixer is None:
                raise UserError("a task mixes sounds, and this pool was opened without a codec. Open it with a mixer")
            self._mixer = self._open_mixer()
        return self._mixer.mix_all(pairs)
