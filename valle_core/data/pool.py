"""The pool of a training run: a dataset's utterances and what was given beside them (noise, mixes, similar ones)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from jaxtyping import Int
from torch import Tensor

from valle_core.data.dataset import Dataset
from valle_core.data.mixing import Mixer, Pair
from valle_core.data.noise import NoiseSet
from valle_core.data.storage import Neighbours, reader_of
from valle_core.plugin import UserError
from valle_core.types import Utterance


class TrainingPool:
    """See `valle_core.interfaces.Pool`.

    Attributes:
        dataset: whose utterances it gives.
        noise_set: or None.
        mixer: or None.
    """

    def __init__(self, dataset: Dataset, *, noise: NoiseSet | None = None, mixer: Mixer | None = None) -> None:
        self.dataset, self.noise_set, self.mixer = dataset, noise, mixer
        self._similar: dict[bool, Neighbours] = {}

    @property
    def noise_hash(self) -> str:
        """Equal for equal noise sets; "" without one."""
        return self.noise_set.dataset.manifest.index_hash[:16] if self.noise_set else ""

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
            open_index = reader_of("similar", f"a task asks for similar utterances of '{folder}'; their index")
            self._similar[across] = open_index(folder, manifest, across=across)
        return self.dataset.nearest(self._similar[across], id, n)

    def codes(self, id: str) -> Int[Tensor, "F Q"]:
        """See `Pool.codes`."""
        return self.dataset.codes(id)

    def noise(self, frames: int, rng: Random, *, label: str | None = None) -> Int[Tensor, "F Q"]:
        """See `Pool.noise`."""
        if self.noise_set is None:
            raise UserError(
                "a task asks for noise and there is none. Make it with `valle prepare-noise RECORDINGS --out noise` "
                "and give it with --data.noise noise"
            )
        return self.noise_set.noise(frames, rng, label=label)

    def mix(self, a: Int[Tensor, "F Q"], b: Int[Tensor, "G Q"], db: float) -> Int[Tensor, "F Q"]:
        """See `Pool.mix`."""
        return self.mix_all([(a, b, db)])[0]

    def mix_all(self, pairs: Sequence[Pair]) -> Sequence[Int[Tensor, "F Q"]]:
        """See `Pool.mix_all`."""
        if self.mixer is None:
            raise UserError("a task mixes sounds, and this pool was opened without a codec. Open it with a mixer")
        return self.mixer.mix_all(pairs)
