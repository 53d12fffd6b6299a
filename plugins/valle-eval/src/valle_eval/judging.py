"""One clip after the other before the judges; what they answered once is not asked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from valle_eval.journal import Journal, key_of
from valle_eval.judges import Judge, Judges, Listener
from valle_eval.recordings import Recording, pieces
from valle_language.measuring import Clip, Score, Sound
from valle_language.recognition import Pronounces, RecognizedSegment, TimedWord, Transcript


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One utterance of a system, as files.

    Attributes:
        sound: what is judged.
        text: what it should say.
        language: tag.
        reference, source, voice: recordings, or None.
        making, ended: as `Clip`.
        expects: phonemes are expected; False for a recording, which would be compared with itself.
    """

    sound: Recording
    text: str
    language: str
    reference: Recording | None = None
    source: Recording | None = None
    voice: Recording | None = None
    making: float | None = None
    ended: bool | None = None
    expects: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the judges said of a case.

    Attributes:
        scores: by figure.
        transcript: words that were found, or "".
        phones: phonemes that were found.
        expected: phonemes that should be there.
    """

    scores: Mapping[str, Score]
    transcript: str = ""
    phones: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()


FILES = frozenset({"reference", "source", "voice"})


class Bench:
    """The judges with their journal."""

    def __init__(self, judges: Judges, journal: Journal) -> None:
        self._judges, self._journal = judges, journal

    def judge(self, case: Case, touched: frozenset[str] = frozenset()) -> Verdict:
        """All figures that the case allows; of metrics that need something of `touched`, where that is not empty."""
        clip = Clip(
            sound=Sound(wav=torch.zeros(0), sample_rate=1),  # each metric gets it at its own rate
            text=case.text,
            language=case.language,
            transcript=self._words(case),
            phones=self._phones(case.sound, case.language),
            expected=self._expected(case),
            making=case.making,
            ended=case.ended,
        )
        scores: dict[str, Score] = {}
        for judge in self._judges.metrics:
            if touched and not touched & judge.needs:
                continue
            if all(getattr(case if need in FILES else clip, need) is not None for need in judge.needs):
                scores |= self._scores(judge, case, clip)
        return Verdict(
            scores=scores,
            transcript=clip.transcript.text if clip.transcript else "",
            phones=tuple(phone.text for phone in clip.phones or ()),
            expected=clip.expected or (),
        )

    def _scores(self, judge: Judge, case: Case, clip: Clip) -> Mapping[str, Score]:
        files = [one and one.digest for one in (case.sound, case.reference, case.source, case.voice)]
        found = [clip.transcript, clip.phones, clip.expected] if judge.needs & _HEARD else []
        key = key_of("scores", judge.identity, files, clip.text, clip.language, found, clip.making, clip.ended)
        known = self._journal.get(key)
        if known is None:
            rate = judge.metric.sample_rate
            files = {name: getattr(case, name) for name in FILES}
            sounds = {name: one and one.at(rate) for name, one in files.items()}
            given = judge.metric.measure(replace(clip, sound=case.sound.at(rate), **sounds))
            known = self._journal.put(key, {name: [score.amount, score.of] for name, score in given.items()})
        return {name: Score(amount=amount, of=of) for name, (amount, of) in known.items()}

    def _words(self, case: Case) -> Transcript | None:
        listener = self._judges.words
        return None if listener is None else self._transcript(listener, case.sound, case.language)

    def _phones(self, sound: Recording, language: str) -> tuple[TimedWord, ...] | None:
        listener = self._judges.phones
        if listener is None:
            return None
        return tuple(word for segment in self._transcript(listener, sound, language).segments for word in segment.words)

    def _expected(self, case: Case) -> tuple[str, ...] | None:
        """Phonemes of the recording of the same text; without one, those of the text."""
        listener = self._judges.phones
        if listener is None or not case.expects:
            return None
        if case.reference is not None:
            return tuple(phone.text for phone in self._phones(case.reference, case.language) or ())
        recognizer = listener.recognizer
        if not isinstance(recognizer, Pronounces):
            return None
        key = key_of("pronounced", listener.identity, case.text, case.language)
        known = self._journal.get(key)
        if known is None:
            known = self._journal.put(key, list(recognizer.pronounce(case.text, case.language)))
        return tuple(known)

    def _transcript(self, listener: Listener, sound: Recording, language: str) -> Transcript:
        key = key_of("heard", listener.identity, sound.digest, language)
        known = self._journal.get(key)
        if known is None:
            known = self._journal.put(key, _stored(_listen(listener, sound, language)))
        return _read(known, language)


_HEARD = frozenset({"transcript", "phones", "expected"})


def _listen(listener: Listener, sound: Recording, language: str) -> Sequence[RecognizedSegment]:
    """All segments of a sound that may be longer than the recognizer takes at once."""
    recognizer, found = listener.recognizer, []
    for start, wav in pieces(sound.at(recognizer.sample_rate), recognizer.max_seconds):
        row = wav[None].to(listener.device)
        (result,) = recognizer.transcribe(row, torch.tensor([row.shape[1]], device=row.device), languages=[language])
        found += [_moved(segment, start) for segment in result.segments]
    return found


def _moved(segment: RecognizedSegment, by: float) -> RecognizedSegment:
    words = tuple(replace(word, start=word.start + by, end=word.end + by) for word in segment.words)
    return replace(segment, start=segment.start + by, end=segment.end + by, words=words)


def _stored(segments: Sequence[RecognizedSegment]) -> list[Any]:
    return [
        [one.text, one.start, one.end, [[word.text, round(word.start, 4), round(word.end, 4)] for word in one.words]]
        for one in segments
    ]


def _read(known: Sequence[Any], language: str) -> Transcript:
    segments = tuple(
        RecognizedSegment(
            text=text,
            start=start,
            end=end,
            words=tuple(TimedWord(text=word, start=first, end=last) for word, first, last in words),
        )
        for text, start, end, words in known
    )
    return Transcript(segments=segments, language=language)
