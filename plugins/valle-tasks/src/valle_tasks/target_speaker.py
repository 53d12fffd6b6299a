"""Target speaker extraction: an enrolment and a mixture of two → the enrolled one (SpeechX, arXiv 2308.06873, §3.3)."""

from __future__ import annotations

from random import Random

from jaxtyping import Integer
from torch import Tensor

from valle_core.interfaces import Pool
from valle_core.types import TaskInputs, Utterance
from valle_tasks.frame_for_frame import InAVoice
from valle_tasks.options import TargetSpeakerOptions
from valle_tasks.prompts import draw_window


class TargetSpeaker(InAVoice[TargetSpeakerOptions]):
    """Clean enrolment + a mixture of two speakers → the target speaker, frame for frame."""

    name = "tse"

    def draw(self, utterance: Utterance, pool: Pool, rng: Random, *, frame_rate: float) -> TaskInputs | None:
        """The utterance under one of another speaker; None where either speaker has no other utterance."""
        options, codes = self._options, utterance.codes
        if not len(codes):
            return None
        frames = max(1, round(rng.uniform(options.min_seconds, options.max_seconds) * frame_rate))
        db = rng.uniform(options.min_db, options.max_db)
        ids = pool.other(utterance.speaker, utterance.id)
        enrolment = draw_window(ids, pool, rng, frames=frames, most=options.max_utterances, but=utterance.id)
        second = _another(utterance, pool, rng)
        if enrolment is None or second is None or not len(second):
            return None
        return TaskInputs(
            text=utterance.symbols[:0],
            language=utterance.language,
            prompt=enrolment,
            source=pool.mix(codes, second, db),
            response=codes,
        )

    def why_not(self, utterance: Utterance, pool: Pool, *, frame_rate: float) -> str:
        if len(pool.speakers()) < 2:
            return "there is no second speaker to mix with (--task ns needs none)"
        return "its speaker has no other utterance to enrol with"


def _another(utterance: Utterance, pool: Pool, rng: Random) -> Integer[Tensor, "G Q"] | None:
    """An utterance of anybody else, or None where there is nobody."""
    speakers = [speaker for speaker in pool.speakers() if speaker != utterance.speaker]
    if not speakers:
        return None
    ids = pool.other(rng.choice(speakers), utterance.id)
    return pool.codes(ids[rng.randrange(len(ids))]) if len(ids) else None
