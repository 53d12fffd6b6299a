"""What a metric must be able to do, and what it is given: the contract of the kind that `valle_eval` announces.

Letters are explained in `valle_core.types`. The factory's signature is given with the Protocol; options arrive built
and validated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from valle_language.recognition import TimedWord, Transcript


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """Mono audio.

    Attributes:
        wav: [N] samples in about [−1, 1], float32 on the CPU.
        sample_rate: Hz.
    """

    wav: Float[Tensor, "N"]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.wav.shape[-1] / self.sample_rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """One utterance to be measured. What is None is not known.

    Attributes:
        sound: what is judged.
        text: what it should say, as written.
        language: tag of the text.
        transcript: the words a recognizer found in the sound.
        phones: the phonemes a recognizer found in the sound, with times.
        expected: the phonemes it should hold: those found in a recording of the same text, else those of the text.
        reference: a recording of the same text.
        source: the recording that the sound was made from, sample by sample, e.g. by a codec.
        voice: another recording of the speaker that was wanted.
        making: seconds it took to make the sound.
        ended: whether the speech ended by itself; False where it ran into its bound.
    """

    sound: Sound
    text: str = ""
    language: str = "en"
    transcript: Transcript | None = None
    phones: tuple[TimedWord, ...] | None = None
    expected: tuple[str, ...] | None = None
    reference: Sound | None = None
    source: Sound | None = None
    voice: Sound | None = None
    making: float | None = None
    ended: bool | None = None


NEEDS = frozenset({"text", "transcript", "phones", "expected", "reference", "source", "voice", "making", "ended"})
"""What a metric may declare to need of a clip beside its sound."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number that a metric gives for a clip.

    Attributes:
        name: as in tables and JSON, e.g. `"wer"`; unique among all figures that are shown together.
        better: which way is good; "" where neither is.
        summary: what it is, with its unit, for the legend.
        percent: it is a share, shown in per cent.
        digits: behind the decimal point.
        main: shown in the table; others only in the JSON file.
    """

    name: str
    better: Literal["lower", "higher", ""]
    summary: str
    percent: bool = False
    digits: int = 2
    main: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A figure of one clip: `amount / of`.

    Two means are made of it: that of the clips' values, and Σ amount ⁄ Σ of, which a long clip weighs more in.

    Attributes:
        amount: e.g. words that are wrong.
        of: e.g. words that should be there; 1 for what is no share. Above 0.
    """

    amount: float
    of: float = 1.0

    @property
    def value(self) -> float:
        """Of the clip alone."""
        return self.amount / self.of


@runtime_checkable
class Metric(Protocol):
    """Numbers about a clip of speech. Factory: `(options, *, device: torch.device) → Metric`.

    Equal clips give equal scores, whatever was measured before. A clip is never written into, and no random number is
    drawn. What the spec declares is all it needs of a clip beside the sound.

    Attributes:
        sample_rate: Hz at which sound, reference, source and voice are given to it, or None for any, as they are.
        figures: what it gives, in order.
    """

    @property
    def sample_rate(self) -> int | None: ...
    @property
    def figures(self) -> Sequence[Figure]: ...

    def identity(self) -> Mapping[str, str]:
        """What its numbers depend on beside the clip: packages with versions, weights by hash, the normaliser."""
        ...

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Finite scores by the names of its figures. What a clip does not allow (silence, too short) is left out.

        Raises `UserError` for a clip that lacks what it declares to need.
        """
        ...
