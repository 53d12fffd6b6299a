"""Voices without end: random mixtures of Kokoro's styles of all languages, moved away from their mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

from valle_core.plugin import UserError
from valle_corpus.engines.engine import Speaker
from valle_corpus.engines.kokoro import HELD_OUT, Kokoro

NAME = re.compile(r"(held-)?mixture-(\d{1,7})")
STYLE = re.compile(r"[a-z][fm]_\w+")
"""Language and sex, and a name."""
WHISPER = "af_nicole"
AWAY = (0.95, 1.3)
"""Distance of a mixture from the mean of its sex, in that of the weighted sum: sums gather around the mean."""
BOTH = 0.1
"""Share of mixtures of styles of both sexes."""


class Mixtures(Kokoro):
    """An `Engine` with as many voices as are asked for; otherwise as `Kokoro`, whose arguments it takes.

    Voice `mixture-N` is N's random mixture of one to three styles, of which none is held out; `held-mixture-N` is half
    or more of one that is. A few sentences each of 400 of them taught the voice in the box more about voices it never
    met than 528 changes of its training voices (benchmarks/results/voice.md).
    """

    name = "kokoro-mixtures"

    def __init__(self, styles: Path | None = None) -> None:
        super().__init__(styles)
        every = sorted(file.stem for file in self._styles.glob("*.bin") if STYLE.fullmatch(file.stem))
        self._held_out = [name for name in every if name in HELD_OUT]
        self._names = [name for name in every if name not in (*HELD_OUT, WHISPER)]
        self._sexes = {sex: [name for name in self._names if name[1] == sex] for sex in "fm"}
        if not self._held_out or not all(self._sexes.values()):
            raise UserError(
                f"engine '{self.name}' mixes styles of women and of men, held-out voices of {', '.join(HELD_OUT)}; "
                f"'{styles}' does not have them. Give --styles FOLDER (npm pack kokoro-js@1.2.1: package/voices)"
            )

    def speakers(self, count: int, *, languages: Sequence[str], seed: int, held_out: bool) -> Sequence[Speaker]:
        """See `Engine`: numbers in a row, from one that the seed picks."""
        first = Random(f"mixtures {seed}").randrange(1_000_000)
        return [self.speaker(f"{'held-' if held_out else ''}mixture-{first + n}") for n in range(count)]

    def speaker(self, name: str) -> Speaker:
        """`mixture-N` or `held-mixture-N`, N of up to seven digits."""
        read = NAME.fullmatch(name)
        if not read:
            raise UserError(f"'{name}' is not a voice of engine '{self.name}'. Name one such as mixture-7")
        return Speaker(name=name, language="en-us", settings={"mix": self.mix(Random(name), held_out=bool(read[1]))})

    def mix(self, rng: Random, *, held_out: bool) -> dict[str, float]:
        """Weight of each style: they sum to 1, and those of styles that only make the mean may be below 0."""
        lead = rng.choice(self._held_out if held_out else self._names)
        same = self._sexes[lead[1]]
        others = [name for name in (self._names if rng.random() < BOTH else same) if name != lead]
        several = rng.choice((2, 3) if held_out else (1, 2, 2, 3, 3))
        chosen = [lead, *rng.sample(others, min(several - 1, len(others)))]
        shares = sorted((rng.gammavariate(1.5, 1) for _ in chosen), reverse=True)
        if held_out:
            shares[0] = max(shares[0], sum(shares[1:]))
        away = rng.uniform(*AWAY)
        mixed = {name: (1 - away) / len(same) for name in same}
        for name, share in zip(chosen, shares, strict=True):
            mixed[name] = mixed.get(name, 0.0) + away * share / sum(shares)
        return mixed
