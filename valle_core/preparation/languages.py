"""`--language auto`: the language of each speaker, by what all their transcripts look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from valle_core.interfaces import Frontend
from valle_core.plugin import UserError
from valle_core.preparation.recordings import Recording, transcript
from valle_core.text.detection import DETECTED, candidates_of, detect_speakers


def with_languages(recordings: Sequence[Recording], language: str, frontend: Frontend) -> list[Recording]:
    """The recordings with the language that was detected; None where it is not clear.

    Args:
        recordings: of all speakers; a speaker's language is found over all of their transcripts.
        language: `auto`, or `auto:TAG,TAG` with the candidates.
        frontend: the candidates must be languages it accepts.

    Raises:
        UserError: a candidate that the frontend does not accept.
    """
    accepted = set(frontend.languages())
    candidates = candidates_of(language, [tag for tag in DETECTED if tag in accepted])
    foreign = [tag for tag in candidates if tag not in accepted]
    if foreign or not candidates:
        named = f"'{foreign[0]}' is no language of the frontend" if foreign else "the frontend knows none of them"
        raise UserError(f"--language {language}: {named}. Choose from {', '.join(sorted(accepted))}")
    texts = {recording.id: transcript(recording) for recording in recordings}
    said = [(one.speaker, text) for one in recordings if isinstance(text := texts[one.id], str)]
    speakers, lines = detect_speakers(said, candidates)
    return [
        replace(one, language=speakers.get(one.speaker) or lines.get((one.speaker, str(texts[one.id]))))
        for one in recordings
    ]
