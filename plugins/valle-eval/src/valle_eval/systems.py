"""What is judged beside each other: the speech, the recordings of the same texts, and controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_eval.judging import Case
from valle_eval.recordings import Recording
from valle_eval.sentences import Sentence

TEXT, VOICE = frozenset({"transcript", "expected"}), frozenset({"voice"})
"""Needs of the metrics that tell something under a control."""


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """One column of the table.

    Attributes:
        name: unique.
        about: one sentence.
        cases: what is judged, beside its sentence.
        touched: needs of a metric that the control changed; figures of others would be those of the speech.
    """

    name: str
    about: str
    cases: Sequence[tuple[Sentence, Case]]
    touched: frozenset[str] = frozenset()


class Shelf:
    """Recordings by path, so that a voice or a reference that many sentences share is read once."""

    def __init__(self) -> None:
        self._kept: dict[Path, Recording] = {}

    def take(self, path: Path) -> Recording:
        """The recording of a file."""
        return self._kept.setdefault(path, Recording(path))

    def case(self, sentence: Sentence, sound: Path) -> Case:
        """A sentence with the file that says it."""
        return Case(
            sound=self.take(sound),
            text=sentence.text,
            language=sentence.language,
            reference=self.take(sentence.reference) if sentence.reference else None,
            source=self.take(sentence.source) if sentence.source else None,
            voice=self.take(sentence.voice) if sentence.voice else None,
            making=sentence.making,
            ended=sentence.ended,
        )


def speech(sentences: Sequence[Sentence], shelf: Shelf, name: str = "speech", about: str = "the speech") -> System:
    """The audio of the sentences."""
    cases = [(one, shelf.case(one, one.audio)) for one in sentences if one.audio]
    return System(name=name, about=about, cases=cases)


def recordings(sentences: Sequence[Sentence], shelf: Shelf) -> System | None:
    """The recordings of the same texts, judged as if they were the speech; None where there is none."""
    bare: Mapping[str, Any] = {"reference": None, "source": None, "making": None, "ended": None, "expects": False}
    cases = [(one, replace(shelf.case(one, one.reference), **bare)) for one in sentences if one.reference]
    return System(name="recording", about="recordings of the same texts", cases=cases) if cases else None


def control(name: str, of: System) -> System:
    """The same speech under a control's name.

    Raises:
        UserError: it needs two sentences, or two voices.
    """
    cases = list(of.cases)
    if name == "shuffled-text":
        if len(cases) < 2:
            raise UserError("control 'shuffled-text' needs at least 2 sentences, got 1")
        others = [other for _, other in (*cases[1:], cases[0])]
        turned = [
            (sentence, replace(case, text=other.text, language=other.language, reference=other.reference))
            for (sentence, case), other in zip(cases, others, strict=True)
        ]
        return System(name=name, about=f"{of.name}, judged by the text of another sentence", cases=turned, touched=TEXT)
    return System(
        name=name, about=f"{of.name}, judged by the voice of another speaker", cases=list(_other(cases)), touched=VOICE
    )


def _other(cases: Sequence[tuple[Sentence, Case]]) -> Iterator[tuple[Sentence, Case]]:
    voices = list(dict.fromkeys(case.voice.path for _, case in cases if case.voice))
    if len(voices) < 2:
        raise UserError(f"control 'other-voice' needs sentences with at least 2 voices, got {len(voices)}")
    first = {case.voice.path: case.voice for _, case in cases if case.voice}
    for sentence, case in cases:
        if case.voice:
            place = voices.index(case.voice.path)
            yield sentence, replace(case, voice=first[voices[(place + 1) % len(voices)]])
