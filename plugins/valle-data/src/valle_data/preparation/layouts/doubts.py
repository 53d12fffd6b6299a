"""What looks wrong in a table whose columns have names: notes with two rows as examples, nothing is changed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from statistics import fmean

from valle_data.preparation.recordings import Recording


def doubts(name: str, recordings: Sequence[Recording]) -> list[str]:
    """Lines about the recordings of the table of this name."""
    return [note for note in (_swapped(name, recordings), alike_speakers(recordings)) if note]


def _swapped(name: str, recordings: Sequence[Recording]) -> str:
    """Texts are longer than names, and names are repeated: the other way round, the columns may be swapped."""
    rows = [(one.text, one.speaker) for one in recordings if one.text]
    if len(rows) < 2:
        return ""
    texts, speakers = [text for text, _ in rows], [speaker for _, speaker in rows]
    longer = fmean(map(len, speakers)) > 1.5 * fmean(map(len, texts))
    if not longer or len(set(speakers)) < len(rows) or 2 * len(set(texts)) > len(rows) + 1:
        return ""
    (text, speaker), (other_text, other_speaker) = rows[0], rows[1]
    return (
        f"'{name}': are the columns text and speaker swapped? The texts are short and repeated, every speaker speaks "
        f"once, e.g. text {text!r} by {speaker!r}, text {other_text!r} by {other_speaker!r}"
    )


def alike_speakers(recordings: Sequence[Recording]) -> str:
    """A note where names of speakers differ in nothing but capitals or the width of their letters."""
    groups: dict[str, dict[str, None]] = {}
    for speaker in dict.fromkeys(one.speaker for one in recordings):
        groups.setdefault(unicodedata.normalize("NFKC", speaker).casefold(), {})[speaker] = None
    alike = [list(names) for names in groups.values() if len(names) > 1]
    if not alike:
        return ""
    more = f" ({len(alike)} such cases)" if len(alike) > 1 else ""
    return f"speakers {' and '.join(map(repr, alike[0]))} differ in capitals or width only and are kept apart{more}"
