"""What needs no judge: duration and pace, how long the making took, and whether the speech ended by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from valle_core.plugin import UserError
from valle_eval.metrics.options import NoOptions
from valle_eval.normalisers import VERSION, words
from valle_language.measuring import Clip, Figure, Score


def build_pace(options: NoOptions, *, device: torch.device) -> Pace:
    """Factory of the metric `pace`."""
    return Pace()


def build_rtf(options: NoOptions, *, device: torch.device) -> RealTimeFactor:
    """Factory of the metric `rtf`."""
    return RealTimeFactor()


def build_ending(options: NoOptions, *, device: torch.device) -> Ending:
    """Factory of the metric `ending`."""
    return Ending()


class Pace:
    """A `valle_language.measuring.Metric`."""

    sample_rate = None
    figures: Sequence[Figure] = (
        Figure(name="seconds", better="", summary="duration in seconds"),
        Figure(name="pace", better="", summary="words per minute", digits=0),
        Figure(name="stretch", better="", summary="duration against the recording's, 1 is equal", main=False),
    )

    def identity(self) -> Mapping[str, str]:
        """Words are counted with numbers written out."""
        return {"normaliser": f"words {VERSION}"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """The pace where there are words, the stretch where there is a recording."""
        seconds = clip.sound.seconds
        if not seconds:
            return {}
        scores = {"seconds": Score(amount=seconds)}
        if count := len(words(clip.text, clip.language).split()):
            scores["pace"] = Score(amount=60 * count, of=seconds)
        if clip.reference is not None and clip.reference.seconds:
            scores["stretch"] = Score(amount=seconds, of=clip.reference.seconds)
        return scores


class RealTimeFactor:
    """A `valle_language.measuring.Metric`."""

    sample_rate = None
    figures: Sequence[Figure] = (
        Figure(name="rtf", better="lower", summary="seconds of computing per second of speech", digits=3),
    )

    def identity(self) -> Mapping[str, str]:
        """Of the machine only the kind is told; the run says where it was made."""
        return {"clock": "wall"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """Nothing for no sound."""
        if clip.making is None:
            raise UserError("metric 'rtf' needs the seconds that the making took. Leave it out for given audio")
        return {"rtf": Score(amount=clip.making, of=clip.sound.seconds)} if clip.sound.seconds else {}


class Ending:
    """A `valle_language.measuring.Metric`."""

    sample_rate = None
    figures: Sequence[Figure] = (
        Figure(name="unended", better="lower", summary="speech that ran into its bound", percent=True),
    )

    def identity(self) -> Mapping[str, str]:
        """What the synthesizer says."""
        return {"told by": "the synthesizer"}

    def measure(self, clip: Clip) -> Mapping[str, Score]:
        """1 where it was cut off."""
        if clip.ended is None:
            raise UserError("metric 'ending' needs to know whether the speech ended. Leave it out for given audio")
        return {"unended": Score(amount=float(not clip.ended))}
