"""The language a recording is transcribed in: as given, as its facts say, or as detected for its speaker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from valle_core.plugin import UserError
from valle_data.preparation.recordings import Recording, Rejection
from valle_data.preparation.transcription.journal import Entry
from valle_data.preparation.transcription.source import language_of
from valle_data.preparation.transcription.transcriber import Transcriber
from valle_language.tags import normal_tag, root

AUTO = "auto"


class Languages:
    """The languages of a run.

    Raises:
        UserError: the language given is none of the recognizer's, or it is to be detected and cannot be.
    """

    def __init__(self, transcriber: Transcriber, language: str | None) -> None:
        self._known = list(transcriber.recognizer.languages())
        self._detects = "detect" in transcriber.capabilities
        self._given = None if language is None else normal_tag(language)
        if self._given == AUTO and not self._detects:
            raise UserError(
                "--language auto: this recognizer detects no language. "
                f"Name it: --language TAG, of {', '.join(self._known)}"
            )
        if self._given not in (None, AUTO) and self.tag_for(str(self._given)) is None:
            raise UserError(
                f"--language {language}: the recognizer does not know it. Choose from {', '.join(self._known)}"
            )

    def of(self, recording: Recording) -> str | Rejection | None:
        """The tag its utterances will carry; None where the recognizer is to detect it."""
        if self._given is not None:
            return None if self._given == AUTO else self._given
        tag = language_of(recording)
        if isinstance(tag, Rejection):
            return tag
        if tag is None and not self._detects:
            return self._only(recording)
        if tag is not None and self.tag_for(tag) is None:
            detail = f"'{recording.audio}' is '{tag}', which the recognizer does not know. Choose another recognizer"
            return Rejection(id=recording.id, reason="unknown-language", detail=detail)
        return tag

    def tag_for(self, language: str) -> str | None:
        """The recognizer's own tag for a language: the same, or one of another region; None where it has none."""
        if language in self._known:
            return language
        same = [tag for tag in self._known if root(tag) == root(language)]
        return min(same, key=len, default=None)

    def _only(self, recording: Recording) -> str | Rejection:
        """The one language there is."""
        if len({root(tag) for tag in self._known}) == 1:
            return self._known[0]
        detail = f"no language for '{recording.audio}'. Give --language, or a .json beside it with a field language"
        return Rejection(id=recording.id, reason="no-language", detail=detail)


def of_speakers(entries: Iterable[tuple[str, Entry]]) -> Mapping[str, str]:
    """Speaker → the language that most seconds of all their recordings were detected as (of equals the first)."""
    votes: dict[str, dict[str, float]] = {}
    for speaker, entry in entries:
        mine = votes.setdefault(speaker, {})
        for tag, seconds in entry.votes.items():
            mine[tag] = mine.get(tag, 0.0) + seconds
    return {speaker: min(mine, key=lambda tag: (-mine[tag], tag)) for speaker, mine in votes.items() if mine}


def unsettled(recordings: Sequence[Recording], entries: Mapping[str, Entry], speakers: Mapping[str, str]) -> list[str]:
    """Ids of recordings that were transcribed, all or in part, in another language than their speaker's."""
    return [
        one.id
        for one in recordings
        if (entry := entries.get(one.id)) is not None
        and entry.asked is None
        and entry.votes
        and not (entry.settled and entry.language == speakers[one.speaker])
    ]
